"""The JSON of requests and answers, as /docs describes it."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, WithJsonSchema, model_validator

TEXT = {"type": "string"}
SPAN = {
    "type": "object",
    "properties": {
        "start": {"type": "integer", "minimum": 0},
        "end": {"type": "integer", "minimum": 1},
        "label": {"type": "string", "minLength": 1},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["start", "end", "label"],
}
DOCUMENT = {
    "type": "object",
    "title": "Document",
    "description": "A document as a line of our JSON Lines; /export also takes those that /files answers.",
    "properties": {
        "id": TEXT,
        "passages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"text": TEXT, "section": TEXT, "spans": {"type": "array", "items": SPAN}},
                "required": ["text"],
            },
        },
    },
    "required": ["id", "passages"],
    "example": {"id": "1", "passages": [{"text": "Mice were fed.", "section": "abstract"}]},
}
Record = Annotated[dict[str, object], WithJsonSchema(DOCUMENT)]


class TagRequest(BaseModel):
    """Texts or documents to tag: one of both."""

    model_config = ConfigDict(extra="forbid")

    texts: list[str] | None = None
    documents: list[Record] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.texts is None) == (self.documents is None):
            raise ValueError("give either `texts` or `documents`")
        return self


class ExportRequest(BaseModel):
    """Documents with entities to write as a file."""

    model_config = ConfigDict(extra="forbid")

    documents: list[Record]


class EntityAnswer(BaseModel):
    """An entity: characters ``[start, end)`` of a passage, counted in code points."""

    start: int
    end: int
    label: str
    text: str
    score: float | None
    passage: int


class EntitiesAnswer(BaseModel):
    """The entities of a text or document."""

    entities: list[EntityAnswer]


class GroupAnswer(BaseModel):
    """An entity in the shape of transformers' token classification."""

    entity_group: str
    score: float | None
    word: str
    start: int
    end: int


class ModelAnswer(BaseModel):
    """The model."""

    model: str
    version: str
    labels: list[str]


class TagAnswer(ModelAnswer):
    """What was found, in the order of the request."""

    results: list[EntitiesAnswer]


class PassageAnswer(BaseModel):
    """A passage of a document."""

    section: str
    text: str


class DocumentAnswer(EntitiesAnswer):
    """A document of a file, with its entities."""

    id: str
    passages: list[PassageAnswer]


class FileAnswer(ModelAnswer):
    """What was found in a file."""

    format: str
    documents: list[DocumentAnswer]


class HealthAnswer(BaseModel):
    """The service is ready."""

    status: str
    model: str


class ErrorAnswer(BaseModel):
    """Why a request was refused, in one line."""

    error: str
