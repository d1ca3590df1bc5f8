"""Written units and currencies, as they stand beside numbers in any language."""

from __future__ import annotations

import re

# Simple units. A language gives each its word; case counts (mW, MW).
# fmt: off
SIMPLE_UNITS = (
    'mm', 'cm', 'dm', 'km', 'm', 'μm', 'um', 'nm', 'ft', 'yd', 'mi',
    'mm²', 'cm²', 'dm²', 'km²', 'm²', 'mm2', 'cm2', 'dm2', 'km2', 'm2', 'sqm', 'ha',
    'mm³', 'cm³', 'dm³', 'm³', 'mm3', 'cm3', 'dm3', 'm3', 'cc',
    'mg', 'μg', 'ug', 'kg', 'KG', 'Kg', 'g', 't', 'lb', 'lbs', 'oz',
    'ml', 'mL', 'ML', 'dL', 'cL', 'μL', 'L', 'l', 'gal',
    'ms', 'μs', 'us', 'ns', 's', 'sec', 'min', 'mins', 'h', 'hr', 'hrs', 'd',
    'Hz', 'kHz', 'KHz', 'MHz', 'GHz', 'THz', 'hz', 'khz',
    'V', 'mV', 'kV', 'KV', 'A', 'mA', 'mAh', 'Ah', 'W', 'mW', 'kW', 'KW', 'MW', 'GW', 'kWh', 'KWh',
    'Wh', 'kwh', 'Ω', 'kΩ', 'MΩ', 'μF', 'pF', 'nF', 'VA', 'kVA',
    'dB', 'db', 'dBm', 'Pa', 'hPa', 'kPa', 'KPa', 'MPa', 'mmHg', 'bar', 'psi', 'atm',
    'kN', 'Nm', 'N·m', 'kJ', 'MJ', 'cal', 'kcal', 'Kcal', 'lm', 'lx', 'cd', 'mol', 'mmol', 'μmol',
    'rpm', 'bpm', 'mph', 'kph', 'fps', 'FPS', 'ppm', 'dpi', 'DPI', 'ppi', 'PPI', 'px',
    'bit', 'bits', 'KB', 'kB', 'MB', 'GB', 'TB', 'PB', 'Kb', 'Mb', 'Gb',
    'KiB', 'MiB', 'GiB', 'TiB',
    'bps', 'kbps', 'Kbps', 'Mbps', 'Gbps', 'MBps', 'GBps', 'mSv', 'μSv', 'Sv', 'kn', 'rad',
    '°C', '°F', '°',
)
# fmt: on
_DENOMINATORS = (
    'h',
    'hr',
    's',
    's²',
    's2',
    'min',
    'd',
    'm',
    'm²',
    'm³',
    'm2',
    'm3',
    'cm²',
    'cm³',
    'cm2',
    'cm3',
    'km',
    'km²',
    'L',
    'l',
    'mL',
    'ml',
    'dL',
    'kg',
    'g',
    't',
    'mol',
    'rad',
    'kWh',
    'W',
    'V',
)
# With a space before it, one of the other letters is more often a word of its own ("3 A").
_SPACED_LETTERS = 'gmshLVWΩ'

# Signs and codes of currencies. "¥" is yuan or yen, "$" dollars of the country it is used in.
CURRENCIES = {
    '¥': '¥', '€': 'EUR', '£': 'GBP', '₩': 'KRW', '₹': 'INR', '₽': 'RUB', '฿': 'THB', '₫': 'VND',
    '$': '$', 'US$': 'USD', 'HK$': 'HKD', 'NT$': 'TWD', 'A$': 'AUD', 'C$': 'CAD', 'S$': 'SGD',
    'CN¥': 'CNY', 'JP¥': 'JPY', 'MOP$': 'MOP',
    **{
        code: code
        for code in (
            'USD', 'CNY', 'EUR', 'GBP', 'JPY', 'KRW', 'HKD', 'TWD', 'NTD', 'AUD', 'CAD', 'SGD',
            'CHF', 'INR', 'RUB', 'THB', 'VND', 'MOP', 'RMB',
        )
    },
}  # fmt: skip

# Powers of ten, as letters and words behind a number.
MAGNITUDES = {
    'k': 3, 'K': 3, 'M': 6, 'B': 9, 'mn': 6, 'bn': 9, 'tn': 12, 'thousand': 3, 'million': 6,
    'billion': 9, 'trillion': 12,
}  # fmt: skip


def _longest_first(words: tuple[str, ...]) -> str:
    return '|'.join(re.escape(word) for word in sorted(words, key=len, reverse=True))


COMPOUND_UNIT = f'(?:{_longest_first(SIMPLE_UNITS)})/(?:{_longest_first(_DENOMINATORS)})'
"""Pattern of a unit with a slash."""

UNIT = (
    f'(?: ?{COMPOUND_UNIT}'
    f'| ?(?:{_longest_first(tuple(unit for unit in SIMPLE_UNITS if len(unit) > 1))})'
    f'| [{_SPACED_LETTERS}]|[{"".join(unit for unit in SIMPLE_UNITS if len(unit) == 1)}])'
    '(?![A-Za-z²³])'
)
"""Pattern of a unit behind a number, with the space before it."""

CURRENCY = _longest_first(tuple(CURRENCIES))
"""Pattern of a currency sign or code."""
