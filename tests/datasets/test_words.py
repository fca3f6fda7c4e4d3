"""What names mean, in many languages; and where a part of a name looks like a word and is none."""

from __future__ import annotations

import unicodedata

import pytest

from psdl.datasets import words

GOOD = (
    "good OK okay normal pass accepted io iO i.O. IO-Teile gut Gutteile gut_bilder "
    "fehlerfrei conforme bon bonnes bueno buenas aprobados buono buone bom boas dobre "
    "dobré goed iyi hatasız 良品 合格品 正常 OK品 양품 정상 годные хороший ГОДНЫЙ good_parts ok-teile no_defects "
    "defect_free free_of_defects defect-free ohne_Fehler sans-défaut not-NG non_defective "
    "undamaged uncracked noncracked flawless 无缺陷 没有缺陷 異常なし train_good GoodParts class_ok "
)
BAD = (
    "bad NG nok NOK nio n.i.O. NiO NIO_Bilder ko defect defekt defective defectos défauts "
    "anomaly anomalies abnormal fail failed reject schlecht schlechte_Teile Ausschuss "
    "kaputt mauvais malos difetti guasto ruim zły wadliwe vadné slecht hatalı kusurlu 不良品 "
    "不合格 異常 非正常 NG品 缺陷 불량 불합격 брак дефектный Плохой not_good notok no_good nicht_ok "
    "nicht-in-ordnung nonconforming non-conforming no_conforme unacceptable crack scratches broken MT_Crack "
    "test-defects logical_anomalies "
)
MASK = (
    "mask masks ground_truth GroundTruth gt label labels annotations Masken máscaras 掩码 "
    "マスク good_masks mask_crack "
)
NEITHER = (
    "latest passenger notable noise normalized goodyear badge okra maskenball pass_fail "
    "normal_anomaly good_and_bad lot3 cam_left 2024-11-05 images screw_01 bolt kos01 nook "
    "failsafe_x brokerage 0 1 A B class_0 Positive "
)


@pytest.mark.parametrize("name", GOOD.split())
def test_names_of_good(name):
    assert words.meaning(name).role == "good"


@pytest.mark.parametrize("name", BAD.split())
def test_names_of_defective(name):
    assert words.meaning(name).role == "bad"


@pytest.mark.parametrize("name", MASK.split())
def test_names_of_masks(name):
    assert words.meaning(name).role == "mask"


@pytest.mark.parametrize("name", NEITHER.split())
def test_names_that_say_neither(name):
    assert words.meaning(name).role is None


def test_splits_and_names_that_say_nothing():
    sides = {
        "Train": "train",
        "training_set": "train",
        "TESTING": "test",
        "test_public": "test",
        "validation": "val",
    }
    sides |= {
        "学習": "train",
        "テスト": "test",
        "验证": "val",
        "entrenamiento": "train",
        "Prüfung": "test",
        "valid": "val",
    }
    assert {name: words.split(name) for name in sides} == sides
    assert all(words.meaning(name).neutral for name in ("lot3", "cam_left", "2024-11-05", "images", "Kamera 2"))
    assert not any(words.meaning(name).neutral for name in ("bolt", "0", "1", "A", "good", "train", "prima"))
    assert all(words.meaning(name).aside for name in ("backup", "misc", "unlabelled", "to_be_checked"))


def test_labels_of_tables():
    spelled = {"OK": "good", "NG": "bad", "0": "good", "1": "bad", " Good ": "good", "PASS": "good", "fail": "bad"}
    spelled |= {"normal": "good", "anomaly": "bad", "NIO": "bad", "dent": "bad", "blot": None, "2": None}
    assert {value: words.label(value) for value in spelled} == spelled


NOT_GOOD = (
    "非良品|非合格|未合格|不OK|非OK|未OK|没有良品|良品外|良品ではない|正常ではない|正常でない|비양품|양품아님|정상아님|"
    "不良好|不正常品|合格以外|非正常品|미합격|cannot pass|didn't pass|never ok|not defect free|not-defect-free|"
    "not free of defects|not without defects"
)
OPEN = (
    "假良品|误判良品|半良品|OK以外|OKではない|양품이 아님|OK nicht|OK nicht 2|gut nicht|iyi değil|uygun değil|"
    "good excluded|barely ok|false_ok|OK-|ok(-)|!good|≠good|x_ok|good=0|ok=no|"
    "ok_no|OK?|OK？|❌OK|ex-good|kaum gut|less than good"
)
STILL_GOOD = (
    "良品图片|良品画像|合格品|螺丝良品|外観良品|無塗装良品|異常なし|OK_no_3|good (1)|good - copy|OK+|Gutmuster|"
    "zonder fouten|bez wad|bez vad|без дефектов|ohne Befund|correct|qualified"
)


@pytest.mark.parametrize("name", NOT_GOOD.split("|"))
def test_negations_turn_good_about(name):
    assert words.meaning(name).role == words.label(name) == "bad"


@pytest.mark.parametrize("name", OPEN.split("|"))
def test_names_that_leave_it_open(name):
    assert words.meaning(name).doubtful or words.meaning(name).role == "bad"


@pytest.mark.parametrize("name", STILL_GOOD.split("|"))
def test_names_of_good_that_hold_a_negation_elsewhere(name):
    assert words.meaning(name).role == "good"
    assert not words.meaning(name).doubtful


def test_every_listed_word_is_found_as_it_is_written():
    """A word that division or folding changes, as an accent would, could never be met."""
    texts = [
        text for some in words._LISTS.values() for text in (some.values() if isinstance(some, dict) else [some])
    ]
    listed = [word for text in texts for word in text.split()]
    assert [word for word in listed if words.plain(word) != word] == []


def test_letters_with_marks_are_the_same_however_they_are_composed():
    """File names of macOS have marks apart from their letters."""
    for word in ("хороший", "ガ良品", "défaut"):
        assert words.meaning(unicodedata.normalize("NFD", word)) == words.meaning(word)
