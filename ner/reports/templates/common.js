"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu;

const visible = (text) => text.replace(HIDDEN, "\ufffd");
// Offsets count code points, JavaScript's UTF-16 units.
const points = (text) => (/[\ud800-\udfff]/.test(text) ? Array.from(text) : text);
const cut = (text, start, end) => (typeof text === "string" ? text.slice(start, end) : text.slice(start, end).join(""));

function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function tag(label) {
  const [name, code, colour, striped] = data.labels[label];
  return make("span", { className: `tag c${colour}${striped ? " striped" : ""}`, title: visible(name) }, visible(code));
}
