"""The library of saved designs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from core.saved_designs import DesignLibrary, SavedDesign

SIZES = {"w1": 12.5, "ibias": 1e-5}


def a_design(note="", circuit="5t_opamp"):
    return SavedDesign(circuit, SIZES, "ugf min 1e+06", {"ugf": 1.2e6}, {}, "gf180mcu", note)


def test_a_new_library_is_empty_and_leaves_no_file(tmp_path):
    library = DesignLibrary(tmp_path / "library.sqlite")
    assert library.designs("5t_opamp") == []
    assert not library.path.exists()


def test_a_saved_design_comes_back_exactly(tmp_path):
    library = DesignLibrary(tmp_path / "l" / "library.sqlite")
    number = library.save(a_design("for the sensor"))
    (found,) = DesignLibrary(library.path).designs("5t_opamp")
    assert (found.id, found.note, found.process) == (number, "for the sensor", "gf180mcu")
    assert found.sizes == SIZES
    assert found.predicted == {"ugf": 1.2e6}
    assert found.saved > 0


def test_designs_are_listed_newest_first_and_by_circuit(tmp_path):
    library = DesignLibrary(tmp_path / "library.sqlite")
    for note in ("old", "new"):
        library.save(a_design(note))
    library.save(a_design("other", "two_stage_opamp"))
    assert [design.note for design in library.designs("5t_opamp")] == ["new", "old"]


def test_a_removed_design_is_gone(tmp_path):
    library = DesignLibrary(tmp_path / "library.sqlite")
    number = library.save(a_design())
    library.remove(number)
    assert library.designs("5t_opamp") == []


def test_a_note_with_quotes_is_only_a_note(tmp_path):
    library = DesignLibrary(tmp_path / "library.sqlite")
    library.save(a_design("'); DROP TABLE designs; --"))
    assert library.designs("5t_opamp")[0].note == "'); DROP TABLE designs; --"


def test_several_sessions_save_at_once(tmp_path):
    library = DesignLibrary(tmp_path / "library.sqlite")
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda k: library.save(a_design(str(k))), range(12)))
    assert len(set(numbers)) == 12
    assert len(library.designs("5t_opamp")) == 12
