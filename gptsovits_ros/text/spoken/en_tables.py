"""Words of English for signs, units, currencies, abbreviations and acronyms."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gptsovits_ros.text.spoken.units import SIMPLE_UNITS

MONTHS = (
    'January February March April May June July August September October November December'
).split()
_DAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split()
MONTH_OF: Mapping[str, str] = MappingProxyType(
    {**{month: month for month in MONTHS}, **{month[:3]: month for month in MONTHS},
     'Sept': 'September'}
)  # fmt: skip
DAY_OF: Mapping[str, str] = MappingProxyType(
    {**{day[:3]: day for day in _DAYS}, 'Tues': 'Tuesday', 'Thur': 'Thursday',
     'Thurs': 'Thursday', 'Weds': 'Wednesday'}
)  # fmt: skip

# Singular and plural of the unit and of its hundredth part.
CURRENCIES: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        '$': ('dollar', 'dollars', 'cent', 'cents'),
        'USD': ('U S dollar', 'U S dollars', 'cent', 'cents'),
        'HKD': ('Hong Kong dollar', 'Hong Kong dollars', 'cent', 'cents'),
        'TWD': ('New Taiwan dollar', 'New Taiwan dollars', 'cent', 'cents'),
        'NTD': ('New Taiwan dollar', 'New Taiwan dollars', 'cent', 'cents'),
        'AUD': ('Australian dollar', 'Australian dollars', 'cent', 'cents'),
        'CAD': ('Canadian dollar', 'Canadian dollars', 'cent', 'cents'),
        'SGD': ('Singapore dollar', 'Singapore dollars', 'cent', 'cents'),
        'EUR': ('euro', 'euros', 'cent', 'cents'),
        'GBP': ('pound', 'pounds', 'penny', 'pence'),
        'CHF': ('Swiss franc', 'Swiss francs', 'centime', 'centimes'),
        'INR': ('rupee', 'rupees', 'paisa', 'paise'),
        'RUB': ('ruble', 'rubles', 'kopek', 'kopeks'),
        'THB': ('baht', 'baht', 'satang', 'satang'),
        '¥': ('yen', 'yen', '', ''),
        'JPY': ('yen', 'yen', '', ''),
        'KRW': ('won', 'won', '', ''),
        'CNY': ('yuan', 'yuan', '', ''),
        'RMB': ('yuan', 'yuan', '', ''),
        'VND': ('dong', 'dong', '', ''),
        'MOP': ('pataca', 'patacas', '', ''),
    }
)
MAGNITUDES: Mapping[str, str] = MappingProxyType(
    {
        'k': 'thousand', 'K': 'thousand', 'M': 'million', 'mn': 'million', 'MM': 'million',
        'B': 'billion', 'bn': 'billion', 'T': 'trillion', 'tn': 'trillion', '千': 'thousand',
        '万': 'ten thousand', '萬': 'ten thousand', '만': 'ten thousand',
        '亿': 'hundred million', '億': 'hundred million', '억': 'hundred million',
        '조': 'trillion', '兆': 'trillion',
        **{word: word for word in ('thousand', 'million', 'billion', 'trillion')},
    }
)  # fmt: skip

# Units that are not made of a prefix and a stem; a plural that is not the singular with "s" is
# behind a slash.
_UNITS = {
    'μm': 'micrometer', 'um': 'micrometer', 'ft': 'foot/feet', 'yd': 'yard', 'mi': 'mile',
    'sqm': 'square meter', 'ha': 'hectare', 'cc': 'C C/C C', 't': 'ton', 'lb': 'pound',
    'lbs': 'pound', 'oz': 'ounce', 'gal': 'gallon', 'sec': 'second', 'min': 'minute',
    'mins': 'minute', 'h': 'hour', 'hr': 'hour', 'hrs': 'hour', 'd': 'day', 'KG': 'kilogram',
    'mAh': 'milliamp hour', 'Ah': 'amp hour', 'A': 'amp', 'mA': 'milliamp', 'Ω': 'ohm',
    'kΩ': 'kilo ohm', 'MΩ': 'mega ohm', 'kWh': 'kilowatt hour', 'KWh': 'kilowatt hour',
    'kwh': 'kilowatt hour', 'Wh': 'watt hour', 'VA': 'volt amp', 'kVA': 'kilovolt amp',
    'dB': 'decibel', 'db': 'decibel', 'dBm': 'D B M/D B M',
    'mmHg': 'millimeter of mercury/millimeters of mercury', 'bar': 'bar', 'psi': 'P S I/P S I',
    'atm': 'atmosphere', 'Nm': 'newton meter', 'N·m': 'newton meter', 'cal': 'calorie',
    'kcal': 'kilocalorie', 'Kcal': 'kilocalorie', 'lm': 'lumen', 'lx': 'lux/lux', 'cd': 'candela',
    'rpm': 'R P M/R P M', 'bpm': 'beat per minute/beats per minute',
    'mph': 'mile per hour/miles per hour', 'kph': 'kilometer per hour/kilometers per hour',
    'fps': 'frame per second/frames per second', 'FPS': 'frame per second/frames per second',
    'ppm': 'part per million/parts per million', 'dpi': 'D P I/D P I', 'DPI': 'D P I/D P I',
    'ppi': 'P P I/P P I', 'PPI': 'P P I/P P I', 'px': 'pixel', 'bit': 'bit', 'bits': 'bit',
    'bps': 'bit per second/bits per second', 'kbps': 'kilobit per second/kilobits per second',
    'Kbps': 'kilobit per second/kilobits per second',
    'Mbps': 'megabit per second/megabits per second',
    'Gbps': 'gigabit per second/gigabits per second',
    'MBps': 'megabyte per second/megabytes per second',
    'GBps': 'gigabyte per second/gigabytes per second',
    'Kb': 'kilobit', 'Mb': 'megabit', 'Gb': 'gigabit', 'KiB': 'kibibyte', 'MiB': 'mebibyte',
    'GiB': 'gibibyte', 'TiB': 'tebibyte', 'KB': 'kilobyte', 'kB': 'kilobyte', 'kn': 'knot',
    'rad': 'radian', 'hz': 'hertz/hertz', 'khz': 'kilohertz/kilohertz',
    'KHz': 'kilohertz/kilohertz', 'ML': 'milliliter', 'KW': 'kilowatt', 'KV': 'kilovolt',
    'KPa': 'kilopascal', 'Kg': 'kilogram', 'us': 'microsecond', 'ug': 'microgram',
    '°C': 'degree Celsius/degrees Celsius', '°F': 'degree Fahrenheit/degrees Fahrenheit',
    '°': 'degree',
    # These stand behind numbers in English text only.
    'tsp': 'teaspoon', 'tbsp': 'tablespoon', 'pt': 'pint', 'qt': 'quart', 'pcs': 'piece',
    'hp': 'horsepower/horsepower', 'yr': 'year', 'yrs': 'year', 'mos': 'month', 'wk': 'week',
    'wks': 'week', 'mi²': 'square mile', 'doz': 'dozen', 'ly': 'light year', 'pg': 'page',
    'Mbit': 'megabit', 'Gbit': 'gigabit', 'kbit': 'kilobit', 'yds': 'yard', 'ftlb': 'foot pound',
    'ppl': 'people/people', 'Mpx': 'megapixel', 'MP': 'megapixel', 'kt': 'knot', 'kts': 'knot',
    'mpg': 'mile per gallon/miles per gallon', 'secs': 'second', 'kgs': 'kilogram',
    'kms': 'kilometer', 'KM': 'kilometer', 'MHZ': 'megahertz/megahertz',
    'GHZ': 'gigahertz/gigahertz', 'EB': 'exabyte', 'ZB': 'zettabyte', 'eV': 'electronvolt',
    'kt/h': 'knot',
}  # fmt: skip
_PREFIXES = {
    'k': 'kilo', 'M': 'mega', 'G': 'giga', 'T': 'tera', 'P': 'peta', 'd': 'deci', 'c': 'centi',
    'm': 'milli', 'μ': 'micro', 'n': 'nano', 'p': 'pico', 'h': 'hecto', '': '',
}  # fmt: skip
_STEMS = {
    'm': 'meter', 'g': 'gram', 'l': 'liter', 'L': 'liter', 's': 'second', 'Hz': 'hertz/hertz',
    'V': 'volt', 'W': 'watt', 'F': 'farad', 'Pa': 'pascal', 'N': 'newton', 'J': 'joule',
    'mol': 'mole', 'Sv': 'sievert', 'B': 'byte',
}  # fmt: skip
_POWERS = {'²': 'square', '2': 'square', '³': 'cubic', '3': 'cubic'}


def unit(written: str, plural: bool) -> str | None:
    """Return the word of a unit, "km/h" or "kg", or None if it is not known."""
    above, slash, below = written.partition('/')
    word = _simple_unit(above, plural)
    if not slash or word is None:
        return word
    if below in ('s²', 's2'):
        return f'{word} per second squared'
    per = _simple_unit(below, plural=False)
    return None if per is None else f'{word} per {per}'


def _simple_unit(written: str, plural: bool) -> str | None:
    word = _UNITS.get(written)
    if word is None and written[-1:] in _POWERS and len(written) > 1:
        stem = _simple_unit(written[:-1], plural)
        return None if stem is None else f'{_POWERS[written[-1]]} {stem}'
    if word is None:
        word = _prefixed(written)
    if word is None:
        return None
    singular, _, irregular = word.partition('/')
    return (irregular or f'{singular}s') if plural else singular


def _prefixed(written: str) -> str | None:
    for length in (0, 1):
        prefix, stem = written[:length], written[length:]
        if prefix in _PREFIXES and stem in _STEMS:
            return _PREFIXES[prefix] + _STEMS[stem].replace('/', f'/{_PREFIXES[prefix]}')
    return None


SPACED_UNITS = frozenset(
    unit for unit in (*SIMPLE_UNITS, *_UNITS) if len(unit) > 1 and unit not in ('MP', 'pg', 'us')
)
"""Units that are also units with a space before them."""

# The word may stand alone or behind a number, a letter or a word.
SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        '+': 'plus', '=': 'equals', '×': 'times', '÷': 'divided by', '≈': 'approximately',
        '≠': 'does not equal', '≤': 'less than or equal to', '≥': 'greater than or equal to',
        '±': 'plus or minus', '√': 'the square root of', '∞': 'infinity', '→': 'to', '&': 'and',
        '@': 'at', '%': 'percent', '‰': 'per mille', '°': 'degrees', '′': 'feet', '″': 'inches',
        '∑': 'the sum of', '∏': 'the product of', '∫': 'the integral of', '∈': 'in',
        '∴': 'therefore', '∵': 'because', '∝': 'is proportional to', '⇒': 'implies',
        '$': 'dollars', '€': 'euros', '£': 'pounds', '¥': 'yen', '₩': 'won', '₹': 'rupees',
        **dict(zip(
            'αβγδεζηθικλμνξοπρςστυφχψω',
            'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi '
            'rho sigma sigma tau upsilon phi chi psi omega'.split(),
            strict=True,
        )),
    }
)  # fmt: skip
CODE_SIGNS: Mapping[str, str] = MappingProxyType(
    {
        '.': 'dot', '/': 'slash', '\\': 'backslash', '-': 'dash', '_': 'underscore', ':': 'colon',
        '?': 'question mark', '=': 'equals', '&': 'and', '#': 'hash', '%': 'percent', '@': 'at',
        '+': 'plus', '~': 'tilde', '!': 'exclamation mark', ',': 'comma', ';': 'semicolon',
        "'": 'apostrophe', '*': 'star',
    }
)  # fmt: skip

# What follows the dot of these is the word that they belong to: the dot ends no sentence.
TITLES: Mapping[str, str] = MappingProxyType(
    {
        'Dr': 'Doctor', 'Mr': 'Mister', 'Mrs': 'Missus', 'Ms': 'Miz', 'Prof': 'Professor',
        'Capt': 'Captain', 'Lt': 'Lieutenant', 'Col': 'Colonel', 'Gen': 'General',
        'Sgt': 'Sergeant', 'Cpl': 'Corporal', 'Maj': 'Major', 'Cmdr': 'Commander',
        'Adm': 'Admiral', 'Rev': 'Reverend', 'Hon': 'Honorable', 'Sen': 'Senator',
        'Rep': 'Representative', 'Gov': 'Governor', 'Pres': 'President', 'Messrs': 'Messers',
        'Mme': 'Madame', 'Supt': 'Superintendent', 'Fr': 'Father', 'Mt': 'Mount',
        'Ft': 'Fort',
    }
)  # fmt: skip
# Behind a name; the dot may also end the sentence.
STREETS: Mapping[str, str] = MappingProxyType(
    {
        'St': 'Street', 'Ave': 'Avenue', 'Blvd': 'Boulevard', 'Rd': 'Road', 'Dr': 'Drive',
        'Ln': 'Lane', 'Ct': 'Court', 'Pl': 'Place', 'Sq': 'Square', 'Hwy': 'Highway',
        'Pkwy': 'Parkway',
    }
)  # fmt: skip
# With a dot, in lower or title case; the dot ends a sentence if a capital follows.
ABBREVIATIONS: Mapping[str, str] = MappingProxyType(
    {
        'etc': 'et cetera', 'vs': 'versus', 'approx': 'approximately', 'dept': 'department',
        'est': 'established', 'inc': 'incorporated', 'ltd': 'limited', 'corp': 'corporation',
        'jr': 'junior', 'sr': 'senior', 'misc': 'miscellaneous', 'min': 'minimum',
        'max': 'maximum', 'avg': 'average', 'temp': 'temperature', 'tel': 'telephone',
        'apt': 'apartment', 'assoc': 'association', 'bldg': 'building', 'cf': 'compare',
        'ca': 'circa', 'ed': 'edition', 'eds': 'editors', 'esp': 'especially',
        'univ': 'university',
        'intl': 'international', 'govt': 'government', 'mgr': 'manager', 'asst': 'assistant',
        'bros': 'brothers', 'ext': 'extension', 'incl': 'including', 'excl': 'excluding',
        'resp': 'respectively', 'viz': 'namely', 'ref': 'reference', 'hrs': 'hours',
        'mins': 'minutes', 'secs': 'seconds', 'lbs': 'pounds', 'yrs': 'years', 'co': 'company',
        'tsp': 'teaspoon', 'tbsp': 'tablespoon', 'oz': 'ounces', 'fwd': 'forward', 'op': 'opus',
        'attn': 'attention', 'tech': 'technology', 'abbr': 'abbreviation', 'def': 'definition',
        'no': 'number', 'nos': 'numbers', 'vol': 'volume', 'vols': 'volumes', 'ch': 'chapter',
        'sec': 'section', 'fig': 'figure', 'figs': 'figures', 'eq': 'equation', 'p': 'page',
        'pp': 'pages', 'art': 'article', 'pt': 'part', 'ver': 'version', 'rm': 'room',
    }
)  # fmt: skip
# Words of their own as well, or too short: abbreviations only before a number.
BEFORE_NUMBERS = frozenset(
    'no nos vol vols ch sec fig figs eq p pp art pt ver rm ext ca min max est ed op def'.split()
)
# The only ones that may end a sentence before another.
LAST = frozenset('etc inc ltd corp jr sr co bros hrs mins secs lbs yrs oz tsp tbsp'.split())
# Words of their own as well: never abbreviations at the end of a sentence.
NOT_LAST = frozenset('co ed tech def temp art'.split())
DOTTED: Mapping[str, str] = MappingProxyType(
    {'e.g': 'for example', 'i.e': 'that is', 'a.k.a': 'also known as', 'w.r.t': 'with respect to',
     'p.s': 'P S', 'q.v': 'which see'}
)  # fmt: skip

# Capitals that are read as a word.
WORD_ACRONYMS = frozenset(
    (
        'NASA NATO UNESCO UNICEF OPEC RAM ROM RADAR SONAR LASER SCUBA AWOL NAFTA NASDAQ FIFA '
        'NASCAR JSON ASCII JPEG GIF SIM PIN LAN WAN BIOS DOS CAD AIDS SARS MERS FEMA OSHA SWAT '
        'COVID ASEAN UEFA NIMBY YOLO FOMO LIDAR SLAM YAML TOML CRUD REST SOAP AJAX SPAM GUI WASP '
        'BASIC COBOL CAPTCHA CUDA RAID NOAA POTUS SCOTUS PETA INTERPOL HIPAA ERISA CERN '
        'DARPA MIDI WYSIWYG NIST TED MIPS SCADA ISIS DACA EBITDA ELISA MOMA EPCOT ANOVA ZIP '
        'UNIX TASER SEAL OLED AMOLED BLEU BERT LORA ARM RISC WIFI ROS'
    ).split()
)
# Four letters and more that could be read as a word but are spelled; in lower case too.
SPELLED = frozenset(
    (
        'UEFI IEEE NCAA AAAI ASAP ACLU USAF USSR ICAO IATA USDA UCLA USPS HVAC EEOC AARP IMAP EKG '
        'ECG OECD UTC GMT EST PST CST MST EDT PDT CET BST JST IST USB API CPU GPU URL ISO AI UI '
        'UX '
        'ID IP TV PC DJ CEO CFO CTO COO FBI CIA NSA USA UK EU UN UAE DNA RNA ATM VIP IBM HP AMD '
        'BBC CNN NBC ABC CBS ESPN MTV HBO NBA NFL MLB NHL UFC FAQ DIY ETA FYI RSVP GPS SQL HTML '
        'CSS PHP XML PDF USD EUR HIV IOT OS IDE SDK CLI SSH VPN DNS TCP UDP HTTP HTTPS FTP AWS '
        'LLM NLP TTS ASR IMU EV UFO IRS IPO MBA GDP CPI IQ PE PR HR QA ER ICU IPA ADHD AOL ESA '
        'EPA FDA FAA IMF AC DC AM PM OLTP ISBN IPCC OPCW IAEA UNHCR GUID UUID HDMI'
    ).split()
)
SPELLED_IN_LOWER_CASE = frozenset(
    'api apis cpu cpus gpu gpus url urls usb id ids ip ui ux ai tv pc uk faq diy gps '
    'ssh aws sdk cli llm eu'.split()
)
# Words without a vowel that are no acronyms.
VOWELLESS_WORDS = frozenset(
    'hm hmm hmmm mm mmm shh shhh psst pst tsk brr brrr pfft grr grrr nth zzz'.split()
)
# Capitals of two or three letters that are words with stress: "do NOT touch".
STRESSED = frozenset(
    'THE AND NOT YOU ARE CAN ALL NEW YES NO OUT OFF NOW HOW WHY BUT FOR GET GO DO IS TO OF ON SO '
    'WE HE MY BE BY IF UP SHE HER HIS HIM HAS HAD WAS ANY ONE TWO TEN BIG BAD HOT RED OLD RUN SAY '
    'SEE TRY USE WAY DAY MAN TOP END SET LET PUT SIT EAT OUR OWN TOO ITS MAY DID AS AT AN OH HI '
    'STOP WAR BOY MOM DAD FUN NOR YET FAR FEW BUY WIN WON SUN FREE SALE'.split()
)
# Capitals that are words where all the words around them are in capitals.
SHOUTED = STRESSED | frozenset('IT US IN ME AM OR WHO A I OK'.split())
BRANDS: Mapping[str, str] = MappingProxyType(
    {
        'PhD': 'P H D', 'WiFi': 'Wifi', 'GitHub': 'Github', 'YouTube': 'Youtube',
        'iPhone': 'Iphone', 'iPad': 'I pad', 'iPod': 'I pod', 'iMac': 'I mac', 'iOS': 'I O S',
        'macOS': 'Mac O S', 'eBay': 'E bay', 'LaTeX': 'Latex', 'MySQL': 'My S Q L',
        'NoSQL': 'No S Q L', 'LinkedIn': 'Linked in', 'WhatsApp': 'Whatsapp', 'IPv': 'I P V',
        'BSc': 'B S C', 'MSc': 'M S C', 'LoRA': 'Lora', 'OAuth': 'O auth', 'PyPI': 'Pie P I',
        'NumPy': 'Num pie', 'SciPy': 'Sigh pie', 'nginx': 'engine X', 'kWh': 'kilowatt hours',
        'kHz': 'kilohertz', 'MHz': 'megahertz', 'GHz': 'gigahertz', 'mRNA': 'M R N A',
        'NaCl': 'N A C L', 'LiDAR': 'Lidar', 'pH': 'P H', 'OK': 'okay',
        'NaOH': 'N A O H', 'HCl': 'H C L', 'KCl': 'K C L',
    }
)  # fmt: skip

# Of whom the numbers are ranks.
RULERS = frozenset(
    (
        'Henry Louis Charles Elizabeth George Edward William James Richard Mary Philip Ferdinand '
        'Frederick Friedrich Wilhelm Napoleon Nicholas Alexander Peter Catherine Ivan Paul '
        'Benedict Pius Leo Gregory Innocent Clement Urban John Francis Ramses Ptolemy Gustav '
        'Christian Harald Olaf Haakon Carl Otto Leopold Ludwig Juan Carlos Felipe Alfonso Pedro '
        'Mehmed Murad Suleiman Darius Xerxes Artaxerxes Theodosius Constantine Franz Joseph '
        'Amenhotep Thutmose Cleopatra Umberto Victor Emmanuel Maximilian Rudolf Albert Baldwin '
        'Justinian Selim Cyrus Seti Isabella Boniface Sixtus Julius Celestine Adrian '
        'Robert Stephen Margaret Willem Baudouin Manuel Afonso Sigismund Casimir Vasily Boris'
    ).split()
)
NUMBERED = frozenset(
    (
        'Chapter Part Book Volume Act Scene Section Article Appendix Phase Type Class Level Stage '
        'Title Episode Season War Bowl Fantasy Figure Table Group Grade Tier Mark Model Element '
        'Quake Rocky Rambo Saturn Apollo Gemini Schedule Amendment Annex Step Unit'
    ).split()
)
RANKED = frozenset('century centuries dynasty congress olympiad army corps legion'.split())
