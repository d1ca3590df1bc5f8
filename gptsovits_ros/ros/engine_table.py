"""The table of the engine's parameters; see parameter_table.py."""

from __future__ import annotations

from gptsovits_ros.ros.parameter_spec import ParamSpec
from gptsovits_ros.settings import CACHE_MODES, PRECISIONS

ENGINE_PARAMETERS = (
    ParamSpec(
        'engine.python',
        '',
        'Python interpreter of the engine process; empty: the one of the node.',
        read_only=True,
    ),
    ParamSpec(
        'engine.socket',
        '',
        'Socket of an engine that nodes share (`gptsovits_ros serve`), which has the other '
        'parameters of engine.* from there; empty: the node has an engine of its own.',
        read_only=True,
    ),
    ParamSpec(
        'engine.device',
        'auto',
        'Where models run; auto: cuda:0 where there is one.',
        pattern=r'auto|cpu|cuda:[0-9]{1,2}',
        read_only=True,
    ),
    ParamSpec(
        'engine.threads',
        0,
        'CPU threads of the models; 0: half of the cores, for an enrolment all, at most 4.',
        bounds=(0, 256),
        read_only=True,
    ),
    ParamSpec(
        'engine.precision',
        'auto',
        'Number format of the models; auto: for each model the quickest one whose error is known '
        'to be small on this device.',
        choices=PRECISIONS,
        read_only=True,
    ),
    ParamSpec(
        'engine.draw_ahead',
        True,
        'Give the token loop half of the CPU threads, if there are 2 or more, while earlier '
        'tokens become sound; false: each has all of them in turns, which is quicker on cores '
        'that nothing else needs.',
        read_only=True,
    ),
    ParamSpec(
        'engine.cuda_graphs',
        True,
        'Capture the steps of the models on a GPU and replay them, where that works.',
        read_only=True,
    ),
    ParamSpec(
        'engine.gpu_memory_mb',
        0,
        'Most GPU memory for the engine [MiB]; a request that needs more fails; 0: no limit.',
        bounds=(0, 1_048_576),
        read_only=True,
    ),
    ParamSpec(
        'engine.idle_unload_s',
        0.0,
        'Unload all voices after so long without a request; the next one waits for its voice [s]; '
        '0: never.',
        bounds=(0.0, 86_400.0),
        read_only=True,
    ),
    ParamSpec(
        'engine.memory_budget_mb',
        0,
        'Memory for the weights of the voices [MiB]; beyond it the least recently used one is '
        'unloaded; 0: no limit.',
        bounds=(0, 1_048_576),
        read_only=True,
    ),
    ParamSpec(
        'engine.parallel',
        1,
        'Utterances that are spoken at once, for nodes that share an engine; above 1 it takes 2 '
        'CPU threads or more.',
        bounds=(1, 16),
        read_only=True,
    ),
    ParamSpec(
        'engine.voice_root',
        '',
        'Folder with one folder per voice; empty: $XDG_DATA_HOME/gptsovits_ros/voices.',
        read_only=True,
    ),
    ParamSpec(
        'engine.model_root',
        '',
        'Folder with the shared models; empty: $XDG_DATA_HOME/gptsovits_ros/models.',
        read_only=True,
    ),
    ParamSpec(
        'engine.cache',
        'seeded',
        'Phrases that come from the cache: prerendered ones; seeded: also those with a seed that '
        'were said before; all: all that were said before.',
        choices=CACHE_MODES,
        read_only=True,
    ),
    ParamSpec(
        'engine.cache_root',
        '',
        'Folder of the phrase cache; empty: $XDG_CACHE_HOME/gptsovits_ros.',
        read_only=True,
    ),
    ParamSpec(
        'engine.cache_mb',
        256,
        'Disk space for phrases [MiB].',
        bounds=(1, 1_048_576),
        read_only=True,
    ),
    ParamSpec(
        'engine.cache_memory_mb',
        32,
        'Memory for the phrases used last [MiB].',
        bounds=(0, 65_536),
        read_only=True,
    ),
    ParamSpec(
        'engine.watermark',
        False,
        'Add an inaudible mark to all that is said, which `gptsovits_ros watermark` finds.',
        read_only=True,
    ),
    ParamSpec(
        'engine.start_timeout_s',
        120.0,
        'Longest time for the engine to load its models [s].',
        bounds=(1.0, 3600.0),
        read_only=True,
    ),
    ParamSpec(
        'engine.stall_timeout_s',
        30.0,
        'The engine is restarted after so long without progress [s].',
        bounds=(1.0, 600.0),
        read_only=True,
    ),
)
