"""The quality of service of each topic, by name, with the reason."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

# A lost text is a robot that stays silent. Ten texts in a burst wait for the callback.
SAY_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE
)

# A lost chunk is a click, so reliable; best-effort players match too. 100 messages: 10 s of audio.
AUDIO_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=100, reliability=ReliabilityPolicy.RELIABLE
)

# Must not be lost, and must not come late: what was not delivered is of no use to a late joiner.
FLUSH_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE
)

# From whoever listens to people, mostly with the QoS of sensor data: best effort matches all.
BARGE_IN_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.BEST_EFFORT
)

# The same for what a microphone hears; the executor may be busy for a moment.
MICROPHONE_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=100, reliability=ReliabilityPolicy.BEST_EFFORT
)

# Pieces of text come by the token, faster than callbacks run at times, and none may be lost.
SAY_STREAM_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1000, reliability=ReliabilityPolicy.RELIABLE
)

# A level: late joiners get the present value, and only the present value matters.
LATCHED_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)

# Events, of which none may be lost when several come at once, so more than one is kept. The last
# of them is always the present state (see publishers.StatePublisher).
STATE_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=20,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
