"""Katakana for letters, words, units and signs in Japanese text."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gptsovits_ros.text.spoken.unit_words import UnitWords

LETTERS: Mapping[str, str] = MappingProxyType(
    dict(
        zip(
            'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
            'エー ビー シー ディー イー エフ ジー エイチ アイ ジェー ケー エル エム エヌ オー '
            'ピー キュー '
            'アール エス ティー ユー ブイ ダブリュー エックス ワイ ゼット'.split(),
            strict=True,
        )
    )
)

# Words that Japanese speakers say in Japanese, by their small letters.
WORDS: Mapping[str, str] = MappingProxyType(
    {
        'iphone': 'アイフォーン', 'ipad': 'アイパッド', 'android': 'アンドロイド',
        'google': 'グーグル', 'apple': 'アップル', 'amazon': 'アマゾン', 'twitter': 'ツイッター',
        'youtube': 'ユーチューブ', 'windows': 'ウィンドウズ', 'linux': 'リナックス',
        'mac': 'マック', 'macbook': 'マックブック', 'python': 'パイソン', 'java': 'ジャバ',
        'javascript': 'ジャバスクリプト', 'wifi': 'ワイファイ', 'bluetooth': 'ブルートゥース',
        'line': 'ライン', 'web': 'ウェブ', 'email': 'イーメール', 'mail': 'メール',
        'ok': 'オーケー', 'nasa': 'ナサ', 'nato': 'ナトー', 'unesco': 'ユネスコ',
        'unicef': 'ユニセフ', 'jaxa': 'ジャクサ', 'jal': 'ジャル', 'fifa': 'フィファ',
        'opec': 'オペック', 'asean': 'アセアン', 'zoom': 'ズーム', 'facebook': 'フェイスブック',
        'instagram': 'インスタグラム', 'tesla': 'テスラ', 'sony': 'ソニー', 'toyota': 'トヨタ',
        'hello': 'ハロー', 'test': 'テスト', 'example': 'エグザンプル', 'info': 'インフォ',
        'support': 'サポート', 'contact': 'コンタクト', 'admin': 'アドミン', 'user': 'ユーザー',
        'docs': 'ドックス', 'doc': 'ドック', 'blog': 'ブログ', 'news': 'ニュース',
        'shop': 'ショップ', 'com': 'コム', 'net': 'ネット', 'org': 'オーグ', 'gov': 'ガブ',
        'microsoft': 'マイクロソフト', 'excel': 'エクセル', 'word': 'ワード', 'chrome': 'クローム',
        'github': 'ギットハブ', 'switch': 'スイッチ', 'nintendo': 'ニンテンドー',
        'playstation': 'プレイステーション', 'netflix': 'ネットフリックス', 'covid': 'コビッド',
        'robot': 'ロボット', 'home': 'ホーム', 'help': 'ヘルプ', 'index': 'インデックス',
        'data': 'データ', 'file': 'ファイル', 'sales': 'セールス', 'main': 'メイン',
        'ram': 'ラム', 'rom': 'ロム', 'sim': 'シム', 'json': 'ジェイソン', 'gif': 'ジフ',
        'jpeg': 'ジェイペグ', 'suica': 'スイカ', 'paypay': 'ペイペイ', 'no': 'ノー',
        'yes': 'イエス', 'new': 'ニュー', 'sale': 'セール', 'open': 'オープン', 'the': 'ザ',
        'and': 'アンド', 'hi': 'ハイ', 'chatgpt': 'チャットジーピーティー',
        'openai': 'オープンエーアイ',
        'ios': 'アイオーエス', 'macos': 'マックオーエス', 'gmail': 'ジーメール', 'yahoo': 'ヤフー',
        'ubuntu': 'ウブントゥ', 'docker': 'ドッカー', 'dvd': 'ディーブイディー', 'ps': 'ピーエス',
        'vs': 'タイ', 'airpods': 'エアポッズ', 'galaxy': 'ギャラクシー', 'pixel': 'ピクセル',
        'max': 'マックス', 'pro': 'プロ', 'plus': 'プラス', 'mini': 'ミニ', 'air': 'エアー',
        'version': 'バージョン', 'ver': 'バージョン', 'app': 'アップ', 'dev': 'デブ',
        'cafe': 'カフェ', 'ai': 'エーアイ', 'www': 'ダブリューダブリューダブリュー',
        'readme': 'リードミー', 'config': 'コンフィグ', 'sample': 'サンプル', 'name': 'ネーム',
        'book': 'ブック', 'time': 'タイム', 'get': 'ゲット', 'set': 'セット', 'add': 'アド',
        'type': 'タイプ', 'model': 'モデル', 'series': 'シリーズ', 'vol': 'ボリューム',
        'love': 'ラブ', 'live': 'ライブ', 'tv': 'ティービー', 'kitty': 'キティ',
        'cd': 'シーディー',
    }
)  # fmt: skip

CURRENCIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        '¥': ('円', ''), 'JPY': ('円', ''), '$': ('ドル', 'セント'), 'USD': ('米ドル', 'セント'),
        'EUR': ('ユーロ', 'セント'), 'GBP': ('ポンド', 'ペンス'), 'KRW': ('ウォン', ''),
        'CNY': ('人民元', ''), 'RMB': ('人民元', ''), 'HKD': ('香港ドル', 'セント'),
        'TWD': ('台湾ドル', ''), 'NTD': ('台湾ドル', ''), 'AUD': ('オーストラリアドル', 'セント'),
        'CAD': ('カナダドル', 'セント'), 'SGD': ('シンガポールドル', 'セント'),
        'CHF': ('スイスフラン', ''), 'INR': ('ルピー', ''), 'RUB': ('ルーブル', ''),
        'THB': ('バーツ', ''), 'VND': ('ドン', ''), 'MOP': ('パタカ', ''),
    }
)  # fmt: skip

_UNITS = {
    'um': 'マイクロメートル', 'ft': 'フィート', 'yd': 'ヤード', 'mi': 'マイル',
    'sqm': '平方メートル',
    'ha': 'ヘクタール', 'cc': 'シーシー', 't': 'トン', 'lb': 'ポンド', 'lbs': 'ポンド',
    'oz': 'オンス', 'gal': 'ガロン', 'sec': '秒', 's': '秒', 'ms': 'ミリ秒', 'ns': 'ナノ秒',
    'us': 'マイクロ秒', 'μs': 'マイクロ秒', 'min': '分', 'mins': '分', 'h': '時間', 'hr': '時間',
    'hrs': '時間', 'd': '日', 'KG': 'キログラム', 'Kg': 'キログラム', 'ug': 'マイクログラム',
    'mAh': 'ミリアンペアアワー', 'Ah': 'アンペアアワー', 'kWh': 'キロワットアワー',
    'KWh': 'キロワットアワー', 'kwh': 'キロワットアワー', 'Wh': 'ワットアワー', 'Ω': 'オーム',
    'kΩ': 'キロオーム', 'MΩ': 'メガオーム', 'VA': 'ボルトアンペア', 'dB': 'デシベル',
    'db': 'デシベル',
    'mmHg': '水銀柱ミリメートル', 'bar': 'バール', 'psi': 'ピーエスアイ', 'atm': '気圧',
    'Nm': 'ニュートンメートル', 'N·m': 'ニュートンメートル', 'lm': 'ルーメン', 'lx': 'ルクス',
    'cd': 'カンデラ', 'rpm': '回転', 'bpm': 'ビーピーエム', 'mph': 'マイル', 'kph': 'キロメートル',
    'fps': 'エフピーエス', 'FPS': 'エフピーエス', 'ppm': 'ピーピーエム', 'dpi': 'ディーピーアイ',
    'DPI': 'ディーピーアイ', 'ppi': 'ピーピーアイ', 'PPI': 'ピーピーアイ', 'px': 'ピクセル',
    'bit': 'ビット', 'bits': 'ビット', 'bps': 'ビーピーエス', 'kbps': 'キロビーピーエス',
    'Kbps': 'キロビーピーエス', 'Mbps': 'メガビーピーエス', 'Gbps': 'ギガビーピーエス',
    'MBps': 'メガバイト毎秒', 'GBps': 'ギガバイト毎秒', 'KB': 'キロバイト', 'kB': 'キロバイト',
    'Kb': 'キロビット', 'Mb': 'メガビット', 'Gb': 'ギガビット', 'KiB': 'キビバイト',
    'MiB': 'メビバイト', 'GiB': 'ギビバイト', 'TiB': 'テビバイト', 'kn': 'ノット',
    'rad': 'ラジアン',
    'hz': 'ヘルツ', 'khz': 'キロヘルツ', 'KHz': 'キロヘルツ', 'ML': 'ミリリットル',
    'KW': 'キロワット',
    'KV': 'キロボルト', 'KPa': 'キロパスカル', 'Kcal': 'キロカロリー', '°C': '度', '°F': '度',
    '°': '度',
    'dBm': 'ディービーエム', 'kVA': 'キロボルトアンペア', 'in': 'インチ', '%': 'パーセント',
    '‰': 'パーミル',
}  # fmt: skip
_PREFIXES = {
    '': '', 'k': 'キロ', 'M': 'メガ', 'G': 'ギガ', 'T': 'テラ', 'P': 'ペタ', 'h': 'ヘクト',
    'd': 'デシ', 'c': 'センチ', 'm': 'ミリ', 'μ': 'マイクロ', 'n': 'ナノ', 'p': 'ピコ',
}  # fmt: skip
_STEMS = {
    'm': 'メートル', 'g': 'グラム', 'L': 'リットル', 'l': 'リットル', 'Hz': 'ヘルツ',
    'V': 'ボルト',
    'W': 'ワット', 'A': 'アンペア', 'F': 'ファラド', 'Pa': 'パスカル', 'N': 'ニュートン',
    'J': 'ジュール', 'mol': 'モル', 'Sv': 'シーベルト', 'B': 'バイト', 'cal': 'カロリー',
}  # fmt: skip
_POWERS = {'²': '平方', '2': '平方', '³': '立方', '3': '立方'}
_SPEEDS = {'h': '時速', 'hr': '時速', 'min': '分速', 's': '秒速'}
_PER = {'h': '毎時', 'hr': '毎時', 'min': '毎分', 's': '毎秒', 's²': '毎秒毎秒', 's2': '毎秒毎秒'}
_WORDS = UnitWords(
    names=_UNITS,
    prefixes=_PREFIXES,
    stems=_STEMS,
    powers=_POWERS,
    before={'mph': '時速', 'kph': '時速', '°F': '華氏'},
    speeds=_SPEEDS,
    per=_PER,
    joint='パー',
)


def unit(written: str) -> tuple[str, str] | None:
    """Return what is said before and behind the number of a unit, or None if it is not known."""
    return _WORDS.unit(written)


SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        '+': 'プラス', '×': 'カケル', '÷': 'ワル', '=': 'イコール', '≈': 'ニアリーイコール',
        '≠': 'ノットイコール', '≤': '以下', '≥': '以上', '±': 'プラスマイナス', '√': 'ルート',
        '∞': '無限大', '&': 'アンド', '@': 'アット', '%': 'パーセント', '‰': 'パーミル', '°': '度',
        '$': 'ドル', '€': 'ユーロ', '£': 'ポンド', '¥': '円', '₩': 'ウォン', '#': 'シャープ',
        '∑': 'シグマ', '∫': 'インテグラル',
        **dict(zip(
            'αβγδεζηθικλμνξοπρςστυφχψω',
            'アルファ ベータ ガンマ デルタ イプシロン ゼータ イータ シータ イオタ カッパ '
            'ラムダ ミュー '
            'ニュー クシー オミクロン パイ ロー シグマ シグマ タウ ウプシロン ファイ カイ プサイ '
            'オメガ'.split(),
            strict=True,
        )),
    }
)  # fmt: skip
CODE_SIGNS: Mapping[str, str] = MappingProxyType(
    {
        '.': 'ドット', '/': 'スラッシュ', '\\': 'バックスラッシュ', '-': 'ハイフン',
        '_': 'アンダーバー', ':': 'コロン', '?': 'クエスチョン', '=': 'イコール', '&': 'アンド',
        '#': 'シャープ', '%': 'パーセント', '@': 'アット', '+': 'プラス', '~': 'チルダ',
    }
)  # fmt: skip
# Between two numbers of a sum.
OPERATORS: Mapping[str, str] = MappingProxyType(
    {'+': 'タス', '-': 'ヒク', '×': 'カケル', '*': 'カケル', '÷': 'ワル', '/': 'ワル', '=': 'ワ'}
)
