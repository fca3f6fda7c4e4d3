"""Files beside images that are not read: they are named where they could tell good ones from others, else not."""

from __future__ import annotations

import json

import pytest

from psdl.datasets import choosing
from psdl.datasets.read import read
from psdl.errors import PsdlError
from tests.datasets.trees import tree

NAMES = ("a00", "a01", "a02", "c00", "c01")


def lines(text, head="", names=NAMES):
    """A line for each image, by its name and whether it is defective."""
    return "\n".join([head, *(text(name, int(name[0] == "c")) for name in names)]).lstrip("\n") + "\n"


def each(text, ending, names=NAMES):
    return {f"img/{name}.{ending}": text(int(name[0] == "c")) for name in names}


WORD = ("good", "scratch")
BAD = NAMES[3:]
TELLING = {
    "stems": {"labels.csv": lines(lambda n, d: f"{n},{WORD[d]}", "id,label")},
    "stems and tabs": {"labels.tsv": lines(lambda n, d: f"{n}\t{WORD[d]}", "id\tlabel")},
    "stems in lines": {"labels.txt": lines(lambda n, d: f"{n} {WORD[d]}")},
    "stems and numbers": {"t.csv": lines(lambda n, d: f"{n},{d}", "image_id,target")},
    "one column a label": {"t.csv": lines(lambda n, d: f"{n},{1 - d},{d}", "image_id,good,scratch")},
    "stems in JSON": {"t.json": json.dumps(dict.fromkeys(BAD, "bad"))},
    "numbers in JSON": {"t.json": json.dumps({f"{n}.png": int(n in BAD) for n in NAMES})},
    "lists in JSON": {"t.json": json.dumps({"good": NAMES[:3], "bad": BAD})},
    "stems in YAML": {"t.yaml": lines(lambda n, d: f"{n}: {WORD[d]}")},
    "a list in YAML": {"t.yaml": lines(lambda n, d: f" - {n}", "bad:", BAD)},
    "a list of bad ones": {"bad.txt": lines(lambda n, d: f"{n}.png", "", BAD)},
    "a list of all called bad": {"NG.txt": lines(lambda n, d: f"{n}.png")},
    "a list of stems": {"defective_images.txt": lines(lambda n, d: n, "", BAD)},
    "a table of bad ones": {"bad.csv": lines(lambda n, d: f"{n}.png", "file", BAD)},
    "a list of good ones": {"good.txt": lines(lambda n, d: f"img/{n}.png", "", NAMES[:3])},
    "places": {"t.csv": lines(lambda n, d: f"{n}.png,3,4,5", "image,x,y,r", BAD)},
    "0 and 1": {"t.csv": lines(lambda n, d: f"{n}.png,{d}", "filename,x")},
    "0 and 1 in lines": {"train.txt": lines(lambda n, d: f"img/{n}.png {d}")},
    "run lengths": {"t.csv": lines(lambda n, d: f"{n}.png,{'1 3 10 5' * d}", "ImageId,EncodedPixels")},
    "run lengths of an unknown name": {"t.csv": lines(lambda n, d: f"{n}.png,{'1 3 10 5' * d}", "ImageId,q")},
    "run lengths of some": {"t.csv": lines(lambda n, d: f"{n}.png,1 3 10 5", "ImageId,EncodedPixels", BAD)},
    "German": {"t.csv": lines(lambda n, d: f"{n}.png;{('iO', 'niO')[d]}", "Datei;Ergebnis")},
    "a number in each": each(str, "txt"),
    "a count in each": each(lambda d: json.dumps({"defects": 2 * d}), "json"),
    "all defective": each(lambda d: json.dumps({"label": "scratch"}), "json"),
    "marks in all": each(lambda d: "<object><bndbox><x>3</x></bndbox></object>", "xml"),
    "attributes": each(lambda d: f'<image><tag label="{("fine", "zonk")[d]}"/></image>', "xml"),
    "good of some": each(lambda d: json.dumps({"status": "ok"}), "json", NAMES[:3]),
    "two classes": each(lambda d: json.dumps({"class": ("bolt", "zonk")[d]}), "json"),
}  # fmt: skip
SILENT = {
    "orientation": each(lambda d: json.dumps([{"Orientation": "Horizontal (normal)", "Flash": "off"}]), "json"),
    "a device": each(lambda d: json.dumps({"device": {"class": "area"}, "status": "ok", "errors": 0}), "json"),
    "numbers": each(lambda d: "12000 1.5 22", "txt"),
    "a trigger": each(lambda d: f"Trigger: ok\nStatus=OK\nError=0\nFrame={d}", "txt"),
    "YAML": each(lambda d: f"object: bottle\nexposure: {d}", "yaml"),
    "XML": each(lambda d: "<Image><Region>0 0 32 32</Region><Exposure>5</Exposure></Image>", "xml"),
    "XMP": each(lambda d: '<x:xmpmeta xmp:Label="Red" xmp:Rating="0"/>', "xml"),
    "a log": {"log.csv": lines(lambda n, d: f"{n}.png,12:00,0", "file,time,error")},
    "shots": {"shots.csv": lines(lambda n, d: f"{n}.png,OK", "image,status")},
    "exposures": {"cam.csv": lines(lambda n, d: f"{n}.png,{5 + d}", "filename,exposure")},
    "a list of all called good": {"good.txt": lines(lambda n, d: f"{n}.png")},
}  # fmt: skip
AGAINST = {
    "VOC": {"good/c00.xml": "<annotation><object><name>x</name><bndbox/></object></annotation>"},
    "a text": {"good/c00.txt": "Result: NG\n"},
    "a table": {"labels.csv": lines(lambda n, d: f"good/{n}.png,{WORD[d]},train", "path,label,split")},
}
AGREEING = {
    "a table": {"labels.csv": lines(lambda n, d: f"good/{n}.png,good,train", "path,label,split")
                + lines(lambda n, d: f"bad/{n}.png,scratch,test")},
    "a table of numbers": {"labels.csv": lines(lambda n, d: f"good/{n}.png,0,train", "path,label,split")},
    "texts": {f"good/{n}.json": json.dumps({"class": 1, "status": "OK"}) for n in NAMES},
    "boxes of parts": {f"good/{n}.xml": f"<object><bndbox>{n}</bndbox></object>" for n in NAMES},
    "types": {"meta.csv": lines(lambda n, d: f"good/{n}.png,{('bolt', 'nut')[d]}", "file,class")},
    "marks in bad ones": {f"bad/{n}.xml": "<annotation><object/></annotation>" for n in NAMES},
    "a list": {"some.txt": lines(lambda n, d: f"good/{n}.png", "", NAMES[:3])},
}  # fmt: skip


def made(root, folders, files):
    tree(root, *(f"{folder}/{name}.png" for folder in folders for name in NAMES))
    for name, text in files.items():
        (root / name).write_text(text)
    return read(root).samples


@pytest.mark.parametrize("name", TELLING)
def test_what_could_tell_images_from_others_is_named(name, tmp_path):
    with pytest.raises(PsdlError, match="seems to label them and cannot be read here"):
        choosing.learning(made(tmp_path / "data", ["img"], TELLING[name]))


@pytest.mark.parametrize("name", SILENT)
def test_what_says_the_same_of_every_image_labels_nothing(name, tmp_path):
    assert len(choosing.learning(made(tmp_path / "data", ["img"], SILENT[name]))) == len(NAMES)


@pytest.mark.parametrize("name", AGAINST)
def test_good_images_that_a_file_contradicts_are_not_learned_from(name, tmp_path):
    found = made(tmp_path / "data", ["good", "bad"], AGAINST[name])
    assert "good/c00.png" not in {s.name for s in choosing.good(found)}
    assert [s.kind for s in found if s.name == "good/c00.png"] == ["?"]


@pytest.mark.parametrize("name", AGREEING)
def test_good_images_that_files_do_not_contradict_are_learned_from(name, tmp_path):
    found = made(tmp_path / "data", ["good", "bad"], AGREEING[name])
    assert [s.name for s in choosing.learning(found)] == [f"good/{name}.png" for name in NAMES]
