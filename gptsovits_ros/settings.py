"""How the engine is set up."""

from __future__ import annotations

from dataclasses import dataclass

# Phrases that come from the cache: none; those that `gptsovits_ros prerender` made; also those
# with a seed that were said before, which sound as if made anew; all that were said before.
CACHE_MODES = ('off', 'prerendered', 'seeded', 'all')

PRECISIONS = ('auto', 'float32', 'float16', 'bfloat16', 'int8')


@dataclass(frozen=True)
class EngineSettings:
    """How the engine is set up; fixed for the life of an engine process.

    Attributes:
        voice_root: folder with one folder per voice; empty: $XDG_DATA_HOME/gptsovits_ros/voices.
        model_root: folder with shared models (BERT, HuBERT, ...); empty:
            $XDG_DATA_HOME/gptsovits_ros/models.
        default_voice: name of the voice for requests that name none; empty: the default of the
            store (`VoiceStore.default`).
        device: "auto", "cpu" or "cuda:<n>"; auto takes cuda:0 where there is one.
        threads: CPU threads for the models; 0: half of the cores (an enrolment: all), 1 to 4.
        max_text_length: longest text accepted [characters].
        memory_budget_mb: memory for the weights of the voices [MiB]; beyond it the least recently
            used voice is unloaded. 0: no limit.
        upstream_compatible: True reads numbers, signs and abbreviations exactly as the official
            program does, with its mistakes; False as a listener would say them.
        lexicon: file with pronunciations for all voices (docs/pronunciation.md); empty: none.
        cache: which phrases come from the cache, one of CACHE_MODES (docs/phrases.md).
        cache_root: folder of the cache; empty: $XDG_CACHE_HOME/gptsovits_ros.
        cache_mb: disk space for phrases [MiB].
        cache_memory_mb: memory for the phrases used last [MiB].
        precision: number format of the models, one of PRECISIONS (docs/performance.md); auto takes
            the quickest one for each model whose error is known to be small on this device.
        draw_ahead: True gives the token loop half of the CPU threads, if there are two or more,
            while what it drew before becomes sound; False lets each have all of them in turns,
            which is quicker on cores that nothing else needs (docs/performance.md).
        cuda_graphs: True captures the steps of the models on a GPU and replays them; a GPU on
            which that fails or gives other numbers is used without, and the log says so.
        gpu_memory_mb: most GPU memory for the engine [MiB]; a request beyond it fails, and what
            was loaded stays. 0: no limit.
        idle_unload_s: all voices are unloaded after so long without a request, and the next one
            waits for its voice [s]; 0: never.
        parallel: utterances that are spoken at once, 1 to 16, for robots that share the engine;
            the tokens of all are drawn in one loop. Above 1, what others say at the same time
            may change how numbers are rounded.
        watermark: True adds an inaudible mark to all that is said (docs/security.md).

    """

    voice_root: str = ''
    model_root: str = ''
    default_voice: str = ''
    device: str = 'auto'
    threads: int = 0
    max_text_length: int = 2000
    memory_budget_mb: int = 0
    upstream_compatible: bool = False
    lexicon: str = ''
    cache: str = 'off'
    cache_root: str = ''
    cache_mb: int = 256
    cache_memory_mb: int = 32
    precision: str = 'auto'
    draw_ahead: bool = True
    cuda_graphs: bool = True
    gpu_memory_mb: int = 0
    idle_unload_s: float = 0.0
    parallel: int = 1
    watermark: bool = False
