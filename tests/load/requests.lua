-- Sends the lines of the file that the first argument names to /tag, each thread from another one on, and at the end
-- prints what happened as one line of JSON.
local bodies, place, threads = {}, 0, 0

function setup(thread)
  thread:set("offset", threads * 97)
  threads = threads + 1
end

function init(arguments)
  for line in io.lines(arguments[1]) do
    bodies[#bodies + 1] = wrk.format("POST", "/tag", {["Content-Type"] = "application/json"}, line)
  end
  place = offset
end

function request()
  place = place + 1
  return bodies[place % #bodies + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"seconds": %.3f, "answers": %d, "refused": %d, "failed": %d, "p50": %.3f, "p95": %.3f, "longest": %.3f}\n',
    summary.duration / 1e6, summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e6, latency:percentile(95) / 1e6, latency.max / 1e6))
end
