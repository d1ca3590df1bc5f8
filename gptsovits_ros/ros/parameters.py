"""The node's parameters at one moment, and what is made of them. No ROS import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from gptsovits_ros.ros.parameter_spec import Value
from gptsovits_ros.ros.parameter_table import PARAMETERS, SPECS, check
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SamplingParameters


@dataclass(frozen=True)
class Parameters:
    """The parameters at one moment; fields are the names in PARAMETERS with `_` for the dot."""

    voice: str
    language: str
    topic_say: str
    topic_audio: str
    topic_barge_in: str
    speech_speed: float
    speech_seed: int
    speech_split: str
    speech_pause_s: float
    speech_sample_steps: int
    speech_guard_retries: int
    speech_stream: bool
    speech_marks: bool
    speech_max_text_length: int
    text_upstream_compatible: bool
    text_lexicon: str
    sampling_top_k: int
    sampling_top_p: float
    sampling_temperature: float
    sampling_repetition_penalty: float
    stream_chunk_ms: int
    stream_lead_ms: int
    stream_stamped: bool
    stream_frame_id: str
    speaking_hold_ms: int
    say_priority: str
    say_policy: str
    say_deadline_s: float
    say_stream_timeout_s: float
    say_stream_max_characters: int
    queue_max_length: int
    queue_merge: bool
    queue_late_s: float
    enroll_require_consent: bool
    enroll_denoise: bool
    enroll_retention: str
    enroll_topic: str
    enroll_path_roots: str
    enroll_max_audio_mb: int
    engine_python: str
    engine_socket: str
    engine_device: str
    engine_threads: int
    engine_precision: str
    engine_draw_ahead: bool
    engine_cuda_graphs: bool
    engine_gpu_memory_mb: int
    engine_idle_unload_s: float
    engine_memory_budget_mb: int
    engine_parallel: int
    engine_voice_root: str
    engine_model_root: str
    engine_cache: str
    engine_cache_root: str
    engine_cache_mb: int
    engine_cache_memory_mb: int
    engine_watermark: bool
    engine_start_timeout_s: float
    engine_stall_timeout_s: float

    @classmethod
    def from_values(cls, values: Mapping[str, Value]) -> Parameters:
        """Return parameters from values by dotted name; a missing one takes its default.

        Raises:
            ParameterInvalidError: if a name is unknown or a value is not allowed.

        """
        for name, value in values.items():
            check(name, value)
        return cls(**{spec.field: values.get(spec.name, spec.default) for spec in PARAMETERS})

    def changed(self, values: Mapping[str, Value]) -> Parameters:
        """Return these parameters with some values replaced; raises as from_values does."""
        for name, value in values.items():
            check(name, value)
        return replace(self, **{SPECS[name].field: value for name, value in values.items()})

    @property
    def sampling(self) -> SamplingParameters:
        """How tokens are drawn for requests that do not say."""
        return SamplingParameters(
            **{
                field.name: getattr(self, f'sampling_{field.name}')
                for field in fields(SamplingParameters)
            }
        )

    @property
    def engine_settings(self) -> EngineSettings:
        """What the engine process is started with.

        Its default voice is loaded first. The longest text can change while the engine runs, so
        the node enforces it, and the engine gets the widest limit.
        """
        return EngineSettings(
            voice_root=self.engine_voice_root,
            model_root=self.engine_model_root,
            default_voice=self.voice,
            device=self.engine_device,
            threads=self.engine_threads,
            precision=self.engine_precision,
            draw_ahead=self.engine_draw_ahead,
            cuda_graphs=self.engine_cuda_graphs,
            gpu_memory_mb=self.engine_gpu_memory_mb,
            idle_unload_s=self.engine_idle_unload_s,
            parallel=self.engine_parallel,
            memory_budget_mb=self.engine_memory_budget_mb,
            upstream_compatible=self.text_upstream_compatible,
            lexicon=self.text_lexicon,
            cache=self.engine_cache,
            cache_root=self.engine_cache_root,
            cache_mb=self.engine_cache_mb,
            cache_memory_mb=self.engine_cache_memory_mb,
            watermark=self.engine_watermark,
            max_text_length=int(SPECS['speech.max_text_length'].bounds[1]),
        )


def unknown_names(names: Iterable[str]) -> list[str]:
    """Return the names that neither this node nor every ROS node has, e.g. misspelt ones."""
    common = ('use_sim_time', 'start_type_description_service')
    return sorted(
        name
        for name in names
        if name not in SPECS and name not in common and not name.startswith('qos_overrides.')
    )
