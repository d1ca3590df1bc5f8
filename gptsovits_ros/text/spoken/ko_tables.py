"""Hangul for letters, words, units and signs in Korean text, and which numbers counters take."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gptsovits_ros.text.spoken.unit_words import UnitWords

LETTERS: Mapping[str, str] = MappingProxyType(
    dict(
        zip(
            'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
            '에이 비 씨 디 이 에프 지 에이치 아이 제이 케이 엘 엠 엔 오 피 큐 알 에스 티 유 '
            '브이 더블유 엑스 '
            '와이 제트'.split(),
            strict=True,
        )
    )
)

# Words that Korean speakers say in Korean, by their small letters.
WORDS: Mapping[str, str] = MappingProxyType(
    {
        'iphone': '아이폰', 'ipad': '아이패드', 'android': '안드로이드', 'google': '구글',
        'apple': '애플', 'amazon': '아마존', 'twitter': '트위터', 'youtube': '유튜브',
        'windows': '윈도우', 'linux': '리눅스', 'mac': '맥', 'macbook': '맥북', 'python': '파이썬',
        'java': '자바', 'javascript': '자바스크립트', 'wifi': '와이파이', 'bluetooth': '블루투스',
        'web': '웹', 'email': '이메일', 'mail': '메일', 'ok': '오케이', 'nasa': '나사',
        'nato': '나토', 'unesco': '유네스코', 'unicef': '유니세프', 'fifa': '피파',
        'opec': '오펙', 'zoom': '줌', 'facebook': '페이스북', 'instagram': '인스타그램',
        'tesla': '테슬라', 'samsung': '삼성', 'naver': '네이버', 'kakao': '카카오',
        'hello': '헬로', 'test': '테스트', 'example': '이그잼플', 'info': '인포',
        'support': '서포트', 'contact': '콘택트', 'admin': '어드민', 'user': '유저',
        'docs': '독스', 'blog': '블로그', 'news': '뉴스', 'shop': '숍', 'com': '컴', 'net': '넷',
        'org': '오알지', 'microsoft': '마이크로소프트', 'excel': '엑셀', 'word': '워드',
        'chrome': '크롬', 'github': '깃허브', 'netflix': '넷플릭스', 'covid': '코비드',
        'robot': '로봇', 'home': '홈', 'help': '헬프', 'index': '인덱스', 'data': '데이터',
        'file': '파일', 'main': '메인', 'ram': '램', 'rom': '롬', 'sim': '심', 'json': '제이슨',
        'gif': '지아이에프', 'app': '앱', 'no': '노', 'yes': '예스', 'new': '뉴', 'sale': '세일',
        'open': '오픈', 'the': '더', 'and': '앤드', 'hi': '하이', 'chatgpt': '챗지피티',
        'openai': '오픈에이아이', 'ios': '아이오에스', 'macos': '맥오에스', 'gmail': '지메일',
        'ubuntu': '우분투', 'docker': '도커', 'galaxy': '갤럭시', 'pro': '프로', 'plus': '플러스',
        'max': '맥스', 'mini': '미니', 'air': '에어', 'version': '버전', 'ver': '버전',
        'ai': '에이아이', 'www': '더블유더블유더블유', 'config': '컨피그', 'sample': '샘플',
        'model': '모델', 'tv': '티브이', 'live': '라이브', 'love': '러브', 'vs': '대',
        'hong': '홍', 'kim': '김', 'lee': '이', 'park': '박', 'line': '라인', 'readme': '리드미',
        'report': '리포트', 'music': '뮤직', 'led': '엘이디', 'daum': '다음', 'smart': '스마트',
    }
)  # fmt: skip

CURRENCIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        'KRW': ('원', ''), '$': ('달러', '센트'), 'USD': ('달러', '센트'), '¥': ('엔', ''),
        'JPY': ('엔', ''), 'EUR': ('유로', '센트'), 'GBP': ('파운드', '펜스'),
        'CNY': ('위안', ''), 'RMB': ('위안', ''), 'HKD': ('홍콩 달러', '센트'),
        'TWD': ('대만 달러', ''), 'NTD': ('대만 달러', ''), 'AUD': ('호주 달러', '센트'),
        'CAD': ('캐나다 달러', '센트'), 'SGD': ('싱가포르 달러', '센트'),
        'CHF': ('스위스 프랑', ''), 'INR': ('루피', ''), 'RUB': ('루블', ''), 'THB': ('바트', ''),
        'VND': ('동', ''), 'MOP': ('파타카', ''),
    }
)  # fmt: skip

_UNITS = {
    'um': '마이크로미터', 'ft': '피트', 'yd': '야드', 'mi': '마일', 'sqm': '제곱미터',
    'ha': '헥타르',
    'cc': '씨씨', 't': '톤', 'lb': '파운드', 'lbs': '파운드', 'oz': '온스', 'gal': '갤런',
    'sec': '초', 's': '초', 'ms': '밀리초', 'ns': '나노초', 'us': '마이크로초', 'μs': '마이크로초',
    'min': '분', 'mins': '분', 'h': '시간', 'hr': '시간', 'hrs': '시간', 'd': '일',
    'KG': '킬로그램',
    'Kg': '킬로그램', 'ug': '마이크로그램', 'mAh': '밀리암페어시', 'Ah': '암페어시',
    'kWh': '킬로와트시', 'KWh': '킬로와트시', 'kwh': '킬로와트시', 'Wh': '와트시', 'Ω': '옴',
    'kΩ': '킬로옴', 'MΩ': '메가옴', 'VA': '볼트암페어', 'kVA': '킬로볼트암페어', 'dB': '데시벨',
    'db': '데시벨', 'mmHg': '수은주밀리미터', 'bar': '바', 'psi': '피에스아이', 'atm': '기압',
    'Nm': '뉴턴미터', 'N·m': '뉴턴미터', 'lm': '루멘', 'lx': '럭스', 'cd': '칸델라',
    'rpm': '알피엠', 'bpm': '비피엠', 'mph': '마일', 'kph': '킬로미터', 'fps': '프레임',
    'FPS': '프레임', 'ppm': '피피엠', 'dpi': '디피아이', 'DPI': '디피아이', 'ppi': '피피아이',
    'PPI': '피피아이', 'px': '픽셀', 'bit': '비트', 'bits': '비트', 'bps': '비피에스',
    'kbps': '킬로비피에스', 'Kbps': '킬로비피에스', 'Mbps': '메가비피에스', 'Gbps': '기가비피에스',
    'MBps': '메가바이트 매초', 'GBps': '기가바이트 매초', 'KB': '킬로바이트', 'kB': '킬로바이트',
    'Kb': '킬로비트', 'Mb': '메가비트', 'Gb': '기가비트', 'KiB': '키비바이트', 'MiB': '메비바이트',
    'GiB': '기비바이트', 'TiB': '테비바이트', 'kn': '노트', 'rad': '라디안', 'hz': '헤르츠',
    'khz': '킬로헤르츠', 'KHz': '킬로헤르츠', 'ML': '밀리리터', 'KW': '킬로와트', 'KV': '킬로볼트',
    'KPa': '킬로파스칼', 'Kcal': '킬로칼로리', '°C': '도', '°F': '도', '°': '도',
    'dBm': '디비엠', '%': '퍼센트', '‰': '퍼밀', 'in': '인치',
}  # fmt: skip
_PREFIXES = {
    '': '', 'k': '킬로', 'M': '메가', 'G': '기가', 'T': '테라', 'P': '페타', 'h': '헥토',
    'd': '데시', 'c': '센티', 'm': '밀리', 'μ': '마이크로', 'n': '나노', 'p': '피코',
}  # fmt: skip
_STEMS = {
    'm': '미터', 'g': '그램', 'L': '리터', 'l': '리터', 'Hz': '헤르츠', 'V': '볼트', 'W': '와트',
    'A': '암페어', 'F': '패럿', 'Pa': '파스칼', 'N': '뉴턴', 'J': '줄', 'mol': '몰',
    'Sv': '시버트',
    'B': '바이트', 'cal': '칼로리',
}  # fmt: skip
_POWERS = {'²': '제곱', '2': '제곱', '³': '세제곱', '3': '세제곱'}
_SPEEDS = {'h': '시속', 'hr': '시속', 'min': '분속', 's': '초속'}
_PER = {
    'h': ' 매시',
    'hr': ' 매시',
    'min': ' 매분',
    's': ' 매초',
    's²': ' 매초 제곱',
    's2': ' 매초 제곱',
}
_WORDS = UnitWords(
    names=_UNITS,
    prefixes=_PREFIXES,
    stems=_STEMS,
    powers=_POWERS,
    before={'mph': '시속', 'kph': '시속', '°F': '화씨'},
    speeds=_SPEEDS,
    per=_PER,
    joint=' 퍼 ',
)


def unit(written: str) -> tuple[str, str] | None:
    """Return what is said before and behind the number of a unit, or None if it is not known."""
    return _WORDS.unit(written)


SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        '+': '플러스', '×': '곱하기', '÷': '나누기', '=': '는', '≈': '약', '≠': '같지 않음',
        '≤': '이하', '≥': '이상', '±': '플러스마이너스', '√': '루트', '∞': '무한대', '&': '앤드',
        '@': '골뱅이', '%': '퍼센트', '‰': '퍼밀', '°': '도', '$': '달러', '€': '유로',
        '£': '파운드', '¥': '엔', '₩': '원', '∑': '시그마', '∫': '인테그랄',
        **dict(zip(
            'αβγδεζηθικλμνξοπρςστυφχψω',
            '알파 베타 감마 델타 엡실론 제타 에타 세타 요타 카파 람다 뮤 뉴 크시 오미크론 파이 '
            '로 시그마 '
            '시그마 타우 입실론 피 카이 프시 오메가'.split(),
            strict=True,
        )),
    }
)  # fmt: skip
CODE_SIGNS: Mapping[str, str] = MappingProxyType(
    {
        '.': '점', '/': '슬래시', '\\': '백슬래시', '-': '하이픈', '_': '언더바', ':': '콜론',
        '?': '물음표', '=': '는', '&': '앤드', '#': '샵', '%': '퍼센트', '@': '골뱅이',
        '+': '플러스',
        '~': '물결',
    }
)  # fmt: skip
# Between two numbers of a sum.
OPERATORS: Mapping[str, str] = MappingProxyType(
    {
        '+': '더하기',
        '-': '빼기',
        '×': '곱하기',
        '*': '곱하기',
        '÷': '나누기',
        '/': '나누기',
        '=': '는',
    }
)

NATIVE_COUNTERS = frozenset(
    (
        '개 명 살 시 마리 권 병 잔 대 장 번 벌 켤레 송이 그루 채 척 통 곡 사람 군데 가지 갈래 '
        '달 배 쌍 줄 조각 '
        '접시 그릇 봉지 상자 박스 자루 다발 팀 곳 차례 판 모금 포기 끼 바퀴 걸음 방울 건 번째 '
        '시간 자리 컵 캔 '
        '알 칸 단계 집 마디 군 돌 해 사발 숟가락 스푼 손님 세트 꼬집 포대 묶음 타래 필 두름 톨 '
        '자매 형제 아이 '
        '친구 학생 발자국 발 문제 과목 방 나라 도시 종류 글자'
    ).split()
)
SINO_COUNTERS = frozenset(
    (
        '년 월 일 분 초 원 도 층 호 회 위 등 세 주 개월 개국 개년 개소 인분 인 점 차 학년 반 '
        '과 쪽 페이지 달러 '
        '엔 유로 위안 퍼센트 프로 킬로 킬로미터 킬로그램 미터 센티 센티미터 그램 톤 리터 평 박 '
        '주년 주일 주간 '
        '년대 년도 년간 일간 분간 초간 호선 호실 호점 번지 동 단지 가 급 강 절 조 항 부 편 화 '
        '권역 연승 연패 '
        '대째 인승 인치 볼트 와트 칼로리 배속 학기 교시 라운드 레벨 단 승 패 무 골 타 안타 '
        '홈런 킬로바이트 '
        '메가 기가 기가바이트 메가바이트 밀리 밀리리터 밀리미터 센트 파운드 마일 노트 헤르츠 '
        '시즌 차선 차로 '
        '계단 코스 군단 사단 번선 매 마력 기압 미리 그램 대조 촌 할 리 푼 면 장관 도막 번국도'
    ).split()
)
