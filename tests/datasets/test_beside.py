"""Files beside images that label them: read as they are meant, or named in one sentence."""

from __future__ import annotations

import json

import pytest

from psdl.datasets import choosing, patterns
from psdl.datasets.read import read
from psdl.errors import PsdlError
from tests.datasets.trees import tree

GOOD, BAD = ("a0", "a1", "a2"), ("c0", "c1")
SHAPE = {"label": "scratch", "shape_type": "rectangle", "points": [[2, 2], [9, 9]]}


def each(text, names=(*GOOD, *BAD), ending="txt"):
    """A file for each image, by what it says of one."""
    return {f"{name}.{ending}": text(name) for name in names}


def bad(name):
    return name in BAD


def labelme(name, **more):
    return json.dumps({"shapes": [], "imagePath": f"{name}.png"} | more)


def coco(of=str, number=int, image="{}.png", names=(*GOOD, *BAD)):
    images = [{"id": of(n), "file_name": image.format(name)} for n, name in enumerate(names)]
    marks = [{"id": n, "image_id": number(n), "bbox": [2, 2, 5, 5]} for n, name in enumerate(names) if bad(name)]
    return json.dumps({"images": images, "annotations": marks, "categories": []})


def table(head, text):
    return "\n".join([head, *(text(name) for name in (*GOOD, *BAD))])


YOLO = "0 0.5 0.5 0.2 0.2\n"
READ = {
    "table": {"labels.csv": table("filename,label", lambda n: f"{n}.png,{'NG' if bad(n) else 'OK'}")},
    "table with kinds": {"l.csv": table("Image;Class;x", lambda n: f"{n}.png;{'hole' if bad(n) else 'good'};1")},
    "COCO": {"ann.json": coco()},
    "COCO in capitals": {"ann.JSON": coco(int)},
    "COCO of Windows": {"ann.json": coco(image="C:\\data\\{}.png")},
    "COCO of JPEG": {"ann.json": coco(image="{}.jpg")},
    "LabelMe flags": each(lambda n: labelme(n, flags={"NG": bad(n), "OK": not bad(n)}), ending="json"),
    "LabelMe by its image": each(
        lambda n: labelme(n.removesuffix("_v2"), shapes=[SHAPE] if bad(n[:2]) else []),
        [f"{n}_v2" for n in (*GOOD, *BAD)], "json",
    ),
    "YOLO": each(lambda n: YOLO * bad(n)),
    "YOLO in capitals": each(lambda n: YOLO * bad(n), ending="TXT"),
    "YOLO elsewhere": {f"annotations/{n}.txt": YOLO * bad(n) for n in (*GOOD, *BAD)},
    "YOLO with commas": each(lambda n: YOLO.replace(" ", ",") * bad(n)),
    "words": each(lambda n: "NG\n" if bad(n) else "OK\n"),
}  # fmt: skip
UNREAD = {
    "VOC": each(lambda n: "<annotation><object><name>x</name></object></annotation>", BAD, "xml"),
    "VOC elsewhere": {f"Annotations/{n}.xml": "<annotation><object/></annotation>" for n in BAD},
    "CVAT": {"annotations.xml": '<annotations><image name="c0.png"><box label="x"/></image></annotations>'},
    "VIA": {"via.json": json.dumps({"c0.png12": {"filename": "c0.png", "regions": [{"x": 1}]}})},
    "Label Studio": {"p.json": json.dumps([{"data": {"image": "/c0.png"}, "result": {"choices": ["NG"]}}])},
    "Supervisely": {f"ann/{n}.png.json": json.dumps({"objects": [{"classTitle": "x"}]}) for n in BAD},
    "JSON": each(lambda n: json.dumps({"label": "NG"}), BAD, "json"),
    "classes": {"_classes.csv": table("filename, good, hole", lambda n: f"{n}.png,{+(not bad(n))},{+bad(n)}")},
    "numbers": {"labels.csv": table("path,label", lambda n: f"{n}.png,{int(bad(n))}")},
    "split": {"all.csv": table("path,label,split", lambda n: f"{n}.png,{'NG' if bad(n) else 'OK'},train")},
    "both": {"labels.csv": "path,label\na0.png,NG\na0.png,OK\n"},
    "list": {"labels.txt": "c0.png NG\nc1.png NG\n"},
    "array": {"c0_mask.npy": None},
    "arrays": {"masks/c0.npy": None},
    "mask of a kind that is not read": {"masks/c0.tga": None},
    "sheet": {"labels.xlsx": None},
    "other shape": each(lambda n: "0 1 2", BAD),
}  # fmt: skip
SILENT = {
    "log of a camera": {"log.csv": "filename,time,exposure\n" + "".join(f"{n}.png,12:00,{5}\n" for n in GOOD)},
    "settings of a camera": each(
        lambda n: json.dumps({"exposure": 5, "gain": 2, "camera": "left"}), ending="json"
    ),
    "XML of a camera": each(lambda n: "<Image><Exposure>12</Exposure><Gain>1</Gain></Image>", ending="xml"),
    "list": {"files.txt": "".join(f"{n}.png\n" for n in GOOD)},
    "notes": {"readme.txt": "pictures of good parts, none is defective"},
    "classes": {"classes.txt": "scratch\nhole\n"},
    "settings": {"config.json": json.dumps({"classes": ["good", "bad"]})},
    "raw pictures": {"a0.npy": None},
    "an archive": {"good.zip": None},
}


def made(root, files):
    tree(root, *(f"{name}.png" for name in (*GOOD, *BAD)))
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        if text is None:
            (root / name).write_bytes(b"\x93NUMPY")
        else:
            (root / name).write_text(text)
    return read(root)


@pytest.mark.parametrize("name", READ)
def test_what_labels_images_plainly_is_read(name, tmp_path):
    found = made(tmp_path, READ[name])
    assert {s.name: s.label for s in found.samples} == {f"{n}.png": int(bad(n)) for n in (*GOOD, *BAD)}
    assert [s.name for s in choosing.learning(found.samples)] == [f"{n}.png" for n in GOOD]


@pytest.mark.parametrize("name", UNREAD)
def test_what_seems_to_label_images_and_is_not_read_is_named(name, tmp_path):
    found = made(tmp_path, UNREAD[name])
    with pytest.raises(PsdlError) as error:
        choosing.learning(found.samples)
    assert any(f"{file} seems to label them" in str(error.value) for file in UNREAD[name])
    assert "`good` GLOB" in str(error.value)
    named = patterns.named(found.samples, ["a*"], ())
    assert [s.name for s in choosing.learning(named)] == [f"{n}.png" for n in GOOD]


def test_a_flag_that_says_neither_is_not_learned_from(tmp_path):
    flags = each(lambda n: labelme(n, flags={"blurry": bad(n)}), ending="json")
    found = made(tmp_path, flags)
    assert [s.label for s in found.samples] == [0, 0, 0, None, None]
    assert [s.name for s in choosing.learning(found.samples)] == [f"{n}.png" for n in GOOD]


@pytest.mark.parametrize("name", SILENT)
def test_files_that_label_nothing_change_nothing(name, tmp_path):
    assert len(choosing.learning(made(tmp_path, SILENT[name]).samples)) == 5


def test_annotations_of_one_name_in_two_folders_are_not_guessed(tmp_path):
    root = tree(tmp_path / "coco", "cam1/*2.png", "cam2/*2.png")
    (root / "annotations_cam2.json").write_text(coco(image="{}.png", names=("0", "1")))
    with pytest.raises(PsdlError, match=r"annotations_cam2.json seems to label them"):
        choosing.learning(read(root).samples)
    root = tree(tmp_path / "labelme", "cam1/*2.png", "cam2/*2.png")
    (root / "json").mkdir()
    (root / "json/0.json").write_text(labelme("", shapes=[SHAPE], imagePath="..\\cam2\\0.png"))
    assert [s.name for s in read(root).samples if s.label] == ["cam2/0.png"]
