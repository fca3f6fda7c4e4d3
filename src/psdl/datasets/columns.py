"""Lists names of columns, and words in such names, by what the columns usually hold. All of them are in small
letters without accents, spaces and punctuation."""

from __future__ import annotations

__all__ = [
    "GRADES",
    "LEAVING",
    "MARKS",
    "NAMING",
    "OPINIONS",
    "SAID",
    "SCORES",
    "TAKING",
    "TELLING",
    "VERBS",
]

# Words that precede what the name of a column asks for, as in `is_defect`.
VERBS = frozenset({"is", "has", "are", "ist", "hat", "a", "an"})
TELLING = frozenset(
    {"target", "y", "status", "state", "result", "verdict", "decision", "judgement", "judgment", "inspection"}
    | {"outcome", "grade", "rating", "quality", "kind", "class", "classes", "cls", "befund", "ergebnis", "urteil"}
    | {
        "severity",
        "judge",
        "count",
        "area",
        "lable",
        "bewertung",
        "resultat",
        "wertung",
        "pruefung",
        "pruefergebnis",
    }
    | {
        "fehlerart",
        "fehlerklasse",
        "defecttype",
        "defectcode",
        "defekttyp",
        "code",
        "errcode",
        "reason",
        "type",
        "typ",
    }
    | {
        "kategorie",
        "anzahl",
        "zustand",
        "findings",
        "befunde",
        "prufergebnis",
        "prufung",
        "prufurteil",
        "beurteilung",
    }
    | {
        "klassifikation",
        "sortierung",
        "sortierklasse",
        "freigabe",
        "merkmal",
        "qc",
        "qa",
        "ai",
        "aoi",
        "resultado",
    }
    | {
        "estado",
        "esito",
        "risultato",
        "wynik",
        "sonuc",
        "boxes",
        "detections",
        "результат",
        "оценка",
        "等级",
        "类型",
    }
    | {"判断", "検査結果", "外観", "등급", "평가"}
    | {"fehlercode", "fehlernummer", "fehlernr", "stufe", "level", "rank", "判定", "判別", "結果", "结果", "检验"}
)  # words in the names of columns that often hold labels
SCORES = frozenset(
    {
        "score",
        "scores",
        "anomaly",
        "bin",
        "bins",
        "loss",
        "risk",
        "prob",
        "probability",
        "likelihood",
        "confidence",
    }
    | {"pred", "prediction", "predicted", "logit", "distance", "deviation", "abweichung"}
)  # words in the names of columns whose numbers may say how good an image is
# Words in the names of columns whose 0 and 1 mean good and defective if all labels of the table are the same.
OPINIONS = frozenset({"kind", "type", "label", "labels", "class", "classname", "truth", "quality", "klasse"})
NAMING = frozenset(
    {"label", "labels", "kind", "truth", "defect"}
)  # words in names of columns in which each word but good names a defect
GRADES = ("quality", "truth", "class", "classname", "klasse", "判定", "판정")  # columns in which 1 may mean good
# Columns of codes and remarks.
SAID = frozenset({"code", "comment", "comments", "note", "notes", "remark", "remarks", "bemerkung", "kommentar"})
MARKS = SAID | (
    {"xmin", "xmax", "ymin", "ymax", "bbox", "bboxes", "box", "boxes", "polygon", "polygons", "points", "regions"}
    | {"region", "shapes", "annotations", "segmentation", "rle", "objects", "instances", "detections"}
    | {"encodedpixels"}
)  # columns that mark or name defects in those images that have any
LEAVING = frozenset(
    {"exclude", "excluded", "skip", "skipped", "ignore", "ignored"}
)  # columns in which yes leaves out the row
TAKING = frozenset({"use", "used", "keep", "include", "included", "trusted"})  # columns in which no does
