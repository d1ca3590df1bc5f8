"""Chinese names of units, currencies and signs; in simplified characters, with Mandarin habits."""

from __future__ import annotations

# fmt: off
_LENGTHS = {
    'km': '千米', 'm': '米', 'dm': '分米', 'cm': '厘米', 'mm': '毫米', 'μm': '微米', 'um': '微米',
    'nm': '纳米',
}
UNITS = {
    **_LENGTHS,
    **{f'{unit}{two}': f'平方{name}' for unit, name in _LENGTHS.items() for two in '2²'},
    **{f'{unit}{three}': f'立方{name}' for unit, name in _LENGTHS.items() for three in '3³'},
    'ft': '英尺', 'yd': '码', 'mi': '英里', 'sqm': '平方米', 'ha': '公顷', 'cc': '毫升',
    'mg': '毫克', 'μg': '微克', 'ug': '微克', 'kg': '千克', 'g': '克', 't': '吨', 'lb': '磅',
    'lbs': '磅', 'oz': '盎司',
    'ml': '毫升', 'dl': '分升', 'cl': '厘升', 'μl': '微升', 'l': '升', 'gal': '加仑',
    'ms': '毫秒', 'μs': '微秒', 'us': '微秒', 'ns': '纳秒', 's': '秒', 'sec': '秒',
    's2': '二次方秒',
    's²': '二次方秒', 'min': '分钟', 'mins': '分钟', 'h': '小时', 'hr': '小时', 'hrs': '小时',
    'd': '天',
    'hz': '赫兹', 'khz': '千赫', 'MHz': '兆赫', 'GHz': '吉赫', 'THz': '太赫',
    'V': '伏', 'mV': '毫伏', 'kv': '千伏', 'A': '安', 'mA': '毫安', 'mAh': '毫安时', 'Ah': '安时',
    'W': '瓦', 'mW': '毫瓦', 'kw': '千瓦', 'MW': '兆瓦', 'GW': '吉瓦', 'kwh': '千瓦时',
    'Wh': '瓦时',
    'Ω': '欧姆', 'kΩ': '千欧', 'MΩ': '兆欧', 'μF': '微法', 'pF': '皮法', 'nF': '纳法',
    'VA': '伏安',
    'kVA': '千伏安', 'db': '分贝', 'dBm': '分贝毫瓦', 'Pa': '帕', 'hPa': '百帕', 'kpa': '千帕',
    'MPa': '兆帕', 'mmHg': '毫米汞柱', 'bar': '巴', 'atm': '个大气压', 'kN': '千牛', 'Nm': '牛米',
    'N·m': '牛米', 'kJ': '千焦', 'MJ': '兆焦', 'cal': '卡', 'kcal': '千卡', 'lm': '流明',
    'lx': '勒克斯',
    'cd': '坎德拉', 'mol': '摩尔', 'mmol': '毫摩尔', 'μmol': '微摩尔', 'rpm': '转每分钟',
    'bpm': '次每分钟', 'mph': '英里每小时', 'kph': '千米每小时', 'fps': '帧每秒', 'px': '像素',
    'bit': '比特', 'bits': '比特', 'bps': '比特每秒', 'kbps': '千比特每秒', 'Mbps': '兆比特每秒',
    'Gbps': '吉比特每秒', 'mSv': '毫西弗', 'μSv': '微西弗', 'Sv': '西弗', 'kn': '节',
    'rad': '弧度',
    'MBps': 'M B每秒', 'GBps': 'G B每秒', '°F': '华氏度', '°': '度',
}
# Units whose case does not matter are listed above in small letters.
CURRENCIES = {
    '¥': '元', 'CNY': '元', 'RMB': '元人民币', '$': '美元', 'USD': '美元', 'EUR': '欧元',
    'GBP': '英镑',
    'JPY': '日元', 'KRW': '韩元', 'HKD': '港元', 'TWD': '新台币', 'NTD': '新台币', 'AUD': '澳元',
    'CAD': '加元', 'SGD': '新加坡元', 'CHF': '瑞士法郎', 'INR': '卢比', 'RUB': '卢布',
    'THB': '泰铢',
    'VND': '越南盾', 'MOP': '澳门元',
}
MAGNITUDES = {
    'k': 3, 'K': 3, 'thousand': 3, 'M': 6, 'mn': 6, 'million': 6, 'B': 9, 'bn': 9, 'billion': 9,
    'tn': 12, 'trillion': 12,
}
# Signs that have the same name wherever they stand.
SYMBOLS = {
    '×': '乘', '÷': '除以', '=': '等于', '≈': '约等于', '≠': '不等于', '≤': '小于等于',
    '≥': '大于等于', '±': '正负', '√': '根号', '∞': '无穷大', '∈': '属于', '∴': '所以',
    '∵': '因为',
    '△': '三角形', '∠': '角', '⊥': '垂直于', '∥': '平行于', '∝': '正比于', '∫': '积分',
    '%': '百分号',
    '‰': '千分号',
    '′': '分', '″': '秒', '|': '，',
    '$': '美元', '€': '欧元', '£': '英镑', '₩': '韩元', '₹': '卢比', '₽': '卢布', '฿': '泰铢',
    '₫': '越南盾',
    'α': '阿尔法', 'β': '贝塔', 'γ': '伽马', 'Γ': '伽马', 'δ': '德尔塔', 'Δ': '德尔塔',
    '∑': '西格玛',
    'ε': '艾普西隆', 'ζ': '泽塔', 'η': '伊塔', 'θ': '西塔', 'Θ': '西塔', 'ι': '约塔', 'κ': '卡帕',
    'λ': '兰姆达', 'Λ': '兰姆达', 'μ': '缪', 'ν': '纽', 'ξ': '克西', 'Ξ': '克西', 'ο': '奥米克戎',
    'π': '派', 'Π': '派', '∏': '派', 'ρ': '柔', 'σ': '西格玛', 'ς': '西格玛', 'Σ': '西格玛',
    'τ': '陶',
    'υ': '宇普西隆', 'φ': '斐', 'Φ': '斐', 'χ': '希', 'ψ': '普西', 'Ψ': '普西', 'ω': '欧米伽',
    'Ω': '欧米伽',
    **dict(zip('₀₁₂₃₄₅₆₇₈₉', '零一二三四五六七八九', strict=True)),
}
CODE_SIGNS = {
    '.': '点', '/': '斜杠', '\\': '反斜杠', '-': '杠', '_': '下划线', '@': '艾特', ':': '冒号',
    '?': '问号', '=': '等于', '&': '和', '#': '井号', '%': '百分号', '~': '波浪号', '+': '加',
}
# fmt: on


def unit_name(unit: str, names: dict[str, str]) -> str:
    """Return the Chinese name of a unit, or its letters spelled if it has none ("GB")."""
    top, _, bottom = unit.partition('/')
    name = names.get(top) or names.get(top.lower()) or ' '.join(top.upper())
    if not bottom:
        return name
    return f'{name}每{names.get(bottom) or names.get(bottom.lower()) or bottom}'
