"""Text in pieces becomes the same clauses as the whole, and as early as that is safe."""

from __future__ import annotations

import random

import pytest

from gptsovits_ros.errors import TextInvalidError
from gptsovits_ros.ros.clauses import ClauseCutter

CLAUSES = [
    # English: sentences, commas with enough in front, short words join what follows.
    ('Hello there. How are you?', ['Hello there.', 'How are you?']),
    ('Yes. I can do that now.', ['Yes. I can do that now.']),
    (
        'When the door is open, I will go through, slowly.',
        ['When the door is open,', 'I will go through,', 'slowly.'],
    ),
    ('Really?! You do not say so!', ['Really?!', 'You do not say so!']),
    ('Wait... what was that noise?', ['Wait... what was that noise?']),
    ('Something is moving... what was that?', ['Something is moving...', 'what was that?']),
    ('He said "stop it now." Then he left.', ['He said "stop it now."', 'Then he left.']),
    # Numbers are never torn apart.
    ('The battery is at 3.5 volts. Charge it.', ['The battery is at 3.5 volts.', 'Charge it.']),
    ('It costs 1,234,567.89 euros, or more.', ['It costs 1,234,567.89 euros,', 'or more.']),
    ('The train leaves at 10:30, not at 9:15.', ['The train leaves at 10:30,', 'not at 9:15.']),
    ('The answer is 3. The question is 4.', ['The answer is 3.', 'The question is 4.']),
    ('Version 2.0.1 is here. Enjoy the ride.', ['Version 2.0.1 is here.', 'Enjoy the ride.']),
    # Abbreviations, initials, addresses.
    ('Dr. Wu met Mr. J. R. Jones. They talked.', ['Dr. Wu met Mr. J. R. Jones.', 'They talked.']),
    ('Use tools, e.g. a hammer, i.e. this one.', ['Use tools, e.g. a hammer,', 'i.e. this one.']),
    ('We meet at 5 p.m. in room B.', ['We meet at 5 p.m. in room B.']),
    ('Take bus No. 5 to the station.', ['Take bus No. 5 to the station.']),
    ('I say no. No. 5 is too late.', ['I say no.', 'No. 5 is too late.']),
    ('Look at www.example.com, it is there.', ['Look at www.example.com,', 'it is there.']),
    # Chinese: wide marks need nothing behind them.
    ('你好，我是机器人。很高兴认识你！', ['你好，我是机器人。', '很高兴认识你！']),
    ('请把电池充到百分之八十，然后关机。', ['请把电池充到百分之八十，', '然后关机。']),
    ('好的。我马上过来。', ['好的。我马上过来。']),
    ('他说：“我们今天不去了。”然后走了。', ['他说：“我们今天不去了。', '然后走了。']),
    ('一共1，000元，现在付款可以吗？', ['一共1，000元，', '现在付款可以吗？']),
    ('现在是10：30，会议马上开始了。', ['现在是10：30，', '会议马上开始了。']),
    ('温度是3.5度。请注意安全。', ['温度是3.5度。', '请注意安全。']),
    ('我不知道……也许明天吧。', ['我不知道…', '也许明天吧。']),
    # Japanese and Korean.
    ('こんにちは。今日はいい天気ですね。', ['こんにちは。', '今日はいい天気ですね。']),
    ('「はい、わかりました。」と言った。', ['「はい、わかりました。', 'と言った。']),
    ('안녕하세요. 저는 로봇입니다.', ['안녕하세요.', '저는 로봇입니다.']),
    # Mixed, and marks of the wrong width.
    ('我用ROS 2.0写程序. 它很好用.', ['我用ROS 2.0写程序.', '它很好用.']),
    ('Please say 你好世界, then wait.', ['Please say 你好世界,', 'then wait.']),
    ('他叫Dr. Wang,今年30岁,住在北京.', ['他叫Dr. Wang,今年30岁,', '住在北京.']),
    # Lines, and nothing to say.
    ('First line here\nSecond line here', ['First line here', 'Second line here']),
    ('', []),
    (' \n\t', []),
    ('。！？…', []),
    ('... !!! ,,,', []),
    ('OK', ['OK']),
    ('no mark at the end', ['no mark at the end']),
    # Comparison signs are no markup.
    ('If a < b then stop. Else go on.', ['If a < b then stop.', 'Else go on.']),
    ('<spea is no tag. So read it.', ['<spea is no tag.', 'So read it.']),
]  # fmt: skip

MARKUP = [
    (
        '<speak>Hello there. How are you?</speak>',
        ['<speak>Hello there.</speak>', '<speak>How are you?</speak>'],
    ),
    (
        ' <speak version="1.1">Wait a moment.<break time="2s"/> Go on now.</speak>\n',
        [
            '<speak version="1.1">Wait a moment.<break time="2s"/></speak>',
            '<speak version="1.1">Go on now.</speak>',
        ],
    ),
    (
        '<speak>Say <sub alias="Doctor. Who. Ever.">Dr. W. E. X.</sub> is here. Good bye.</speak>',
        [
            '<speak>Say <sub alias="Doctor. Who. Ever.">Dr. W. E. X.</sub> is here.</speak>',
            '<speak>Good bye.</speak>',
        ],
    ),
    (
        '<speak><prosody rate="slow">One is here. Two is here.</prosody> Three is here.</speak>',
        [
            '<speak><prosody rate="slow">One is here. Two is here.</prosody>'
            ' Three is here.</speak>',
        ],
    ),
    (
        "<speak>Tom &amp; Jerry &lt;3 cheese; they say. <sub alias='a > b'>c</sub> is it.</speak>",
        [
            '<speak>Tom &amp; Jerry &lt;3 cheese;</speak>',
            '<speak>they say.</speak>',
            "<speak><sub alias='a > b'>c</sub> is it.</speak>",
        ],
    ),
    (
        '<speak>请等一下。<break time="500ms"/>我马上过来。</speak>',
        [
            '<speak>请等一下。<break time="500ms"/></speak>',
            '<speak>我马上过来。</speak>',
        ],
    ),
    ('<speak></speak>', []),
    ('<speak/>', []),
]  # fmt: skip


def cut(*pieces: str, **options: bool) -> list[str]:
    """Return the clauses of a text in pieces."""
    cutter = ClauseCutter(**options)
    clauses = [clause for piece in pieces for clause in cutter.push(piece)]
    return clauses + cutter.finish()


@pytest.mark.parametrize(('text', 'clauses'), CLAUSES + MARKUP)
def test_text_is_cut_into_clauses(text, clauses):
    assert cut(text) == clauses


@pytest.mark.parametrize('text', [text for text, _ in CLAUSES + MARKUP])
def test_clauses_do_not_depend_on_where_the_pieces_end(text):
    whole = cut(text)
    assert cut(*text) == whole
    for place in range(len(text) + 1):
        assert cut(text[:place], text[place:]) == whole, f'cut at {place}'


def test_clauses_do_not_depend_on_random_pieces_of_one_long_text():
    rng = random.Random(3)
    text = ' '.join(text for text, _ in CLAUSES)
    whole = cut(text)
    for _ in range(200):
        places = sorted(rng.choices(range(len(text)), k=rng.randrange(30)))
        ends = [*places, len(text)]
        assert cut(*(text[a:b] for a, b in zip([0, *places], ends, strict=True))) == whole


@pytest.mark.parametrize('text', [text for text, _ in CLAUSES])
def test_nothing_that_can_be_said_is_lost_or_said_twice(text):
    def letters(string: str) -> str:
        return ''.join(filter(str.isalnum, string))

    assert letters(''.join(cut(text))) == letters(text)


@pytest.mark.parametrize(
    ('pieces', 'clauses'),
    [
        (['The answer is 3'], []),
        (['The answer is 3', '.'], []),  # 3.5?
        (['The answer is 3', '.', ' '], ['The answer is 3.']),
        (['We met Dr'], []),
        (['We met Dr', '. '], []),
        (['He has left the ro', 'om'], []),
        (['He has left the room.', ' T'], ['He has left the room.']),
        (['今天天气很好。'], ['今天天气很好。']),
        (['今天的天气很好，'], ['今天的天气很好，']),
        (['今年是2024，'], []),  # 2024，000?
        (['今年是2024，', '好'], ['今年是2024，']),
        (['<speak>Hello there. <br'], []),
        (['<speak>Hello there. <em', '>'], ['<speak>Hello there.</speak>']),
        (['<sp'], []),
    ],
)
def test_clause_comes_as_soon_as_nothing_can_change_it_and_no_sooner(pieces, clauses):
    cutter = ClauseCutter()
    assert [clause for piece in pieces for clause in cutter.push(piece)] == clauses


def test_text_without_marks_is_cut_between_words():
    text = ' '.join(['word'] * 200)
    clauses = cut(text)
    assert max(map(len, clauses)) <= 200
    assert ' '.join(clauses) == text
    assert cut(*text) == clauses
    wide = '好' * 450
    assert [len(clause) for clause in cut(wide)] == [200, 200, 50]


def test_without_commas_clauses_are_sentences():
    text = 'When the door is open, I will go through; slowly. 请把电池充到百分之八十，然后关机。'
    assert cut(text, at_commas=False) == [
        'When the door is open, I will go through; slowly.',
        '请把电池充到百分之八十，然后关机。',
    ]


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('<speak>Hello there.', 'does not end with </speak>'),
        ('<speak>Hello <sub alias="x', 'tag that does not end'),
        ('<speak>Hello.</speak> more', 'behind </speak>'),
        ('<speak>' + '<' + 'a' * 3000, 'tag that does not end'),
    ],
)
def test_markup_that_is_torn_is_refused_wherever_the_pieces_end(text, words):
    for pieces in ([text], list(text)):
        with pytest.raises(TextInvalidError, match=words):
            cut(*pieces)


def test_long_text_takes_time_in_proportion_to_its_length():
    """A hundred thousand characters, one by one; squared this would take minutes."""
    cutter = ClauseCutter()
    count = sum(len(cutter.push(character)) for character in 'A short sentence is here. ' * 4_000)
    assert count + len(cutter.finish()) == 4_000
