"""What a machine says of itself, from texts as Linux and nvidia-smi write them."""

from crossgen.provenance.machine import gpus, machine, memory, processor


def test_texts_are_read():
    assert processor("processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nflags: x\n") == "Some CPU @ 2.0GHz"
    assert processor("") is None
    assert memory("MemFree: 1 kB\nMemTotal:       24641536 kB\n") == 23.5
    assert memory("") is None
    said = "NVIDIA H200, 143771 MiB, 570.1\nNVIDIA H200, 143771 MiB, 570.1\nNo devices\n"
    assert gpus(said) == [{"name": "NVIDIA H200", "memory": "143771 MiB", "driver": "570.1"}] * 2
    assert gpus("") == []


def test_this_machine_is_told():
    told = machine()
    assert told["cores"] >= 1 and told["memory_gib"] > 0.1 and told["python"].startswith("3.")
