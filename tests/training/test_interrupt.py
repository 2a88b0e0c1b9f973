"""Signals: seen, answered by status 75, and left to their earlier handlers in the end."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from crossgen import __main__ as front
from crossgen.training.interrupt import STOPS, Interrupted, leave_to_parent, shielded, watching
from toys import ROOT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_is_seen_and_its_handler_put_back(number):
    calls = []
    earlier = signal.signal(number, lambda *_: calls.append(1))
    try:
        with watching() as stopped:
            assert not stopped()
            os.kill(os.getpid(), number)
            assert stopped() and not calls
        os.kill(os.getpid(), number)
        assert calls == [1]
    finally:
        signal.signal(number, earlier)


def test_another_signal_does_not_cut_the_checkpoint_short_but_a_second_ctrl_c_does():
    with watching() as stopped:
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_handlers_are_put_back_after_an_error():
    earlier = [signal.getsignal(number) for number in STOPS]
    with pytest.raises(Interrupted), watching():
        raise Interrupted(3)
    assert [signal.getsignal(number) for number in STOPS] == earlier


def test_outside_the_main_thread_nothing_is_watched():
    earlier, found = signal.getsignal(signal.SIGTERM), []

    def look() -> None:
        with watching() as stopped:
            found.append((stopped(), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [(False, earlier)]


def test_a_command_that_was_interrupted_says_so_and_gives_75(monkeypatch, capsys):
    monkeypatch.setattr("crossgen.commands.prune.run", lambda options: (_ for _ in ()).throw(Interrupted(12)))
    assert front.main(["prune", "--store", "toy"]) == 75
    assert "crossgen prune: told to stop after step 12: a checkpoint is written" in capsys.readouterr().err


def test_uncaught_it_ends_the_process_with_75():
    code = "from crossgen.training.interrupt import Interrupted; raise Interrupted(1)"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 75


def test_a_worker_obeys_its_parent_and_nobody_else():
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        leave_to_parent()
        os.write(tell, b".")
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        time.sleep(30)
        os._exit(7)
    os.read(ready, 1)
    for number in ("TERM", "USR1", "INT"):
        subprocess.run(["kill", f"-{number}", str(child)], check=True)
    time.sleep(0.2)
    assert os.waitpid(child, os.WNOHANG) == (0, 0)
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_waits_while_workers_are_started(number):
    with watching() as stopped:
        with shielded():
            signal.pthread_kill(threading.get_ident(), number)  # another thread of this process would take a kill's
            assert not stopped()
        assert stopped()


@pytest.mark.parametrize("number", STOPS)
def test_a_worker_survives_a_signal_before_its_first_words(number):
    """A scheduler tells all processes of a job, perhaps while one is being forked."""
    told, tell = os.pipe()
    with shielded():
        worker = os.fork()
        if not worker:
            os.read(told, 1)  # the signal has come by now
            leave_to_parent()
            time.sleep(0.2)
            os._exit(7)
    subprocess.run(["kill", f"-{int(number)}", str(worker)], check=True)
    os.write(tell, b"!")
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 7
