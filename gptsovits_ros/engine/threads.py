"""How many CPU threads the models take where nobody says."""

from __future__ import annotations

from gptsovits_ros.errors import ConfigurationError

# More threads than this gain little at batch 1, and take the cores from perception.
MAX_THREADS = 4


def default_threads(cores: int, parallel: int = 1) -> int:
    """Return half of the cores that the process may use, at least 1 and at most MAX_THREADS.

    With parallel above 1, utterances that are spoken at once, it is 2 at least (batch_threads).

    The threads of one operation wait for each other at its end. If another program holds the core
    of one of them, two threads are slower than one by far (docs/performance.md), and on a robot
    there is always another program.
    """
    return max(1 if parallel == 1 else 2, min(MAX_THREADS, cores // 2))


def batch_threads(threads: int, on_cpu: bool) -> int:
    """Return the threads of the token loop of utterances that are spoken at once.

    Raises:
        ConfigurationError: there is none for it.

    """
    if not on_cpu:
        return 1
    if threads < 2:
        raise ConfigurationError(
            'engine.parallel is above 1, which takes 2 CPU threads or more, but engine.threads '
            f'is {threads}; set it to 2, or engine.parallel to 1'
        )
    return threads // 2


def enrolment_threads(asked: int, cores: int) -> int:
    """Return the threads of the models that hear a recording, while somebody waits for a voice.

    It happens seldom and takes a second, in few and large operations, at whose ends threads wait
    little for each other. So where nobody says (asked is 0) it takes all cores, up to MAX_THREADS.
    """
    return asked or max(1, min(MAX_THREADS, cores))
