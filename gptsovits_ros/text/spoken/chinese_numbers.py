"""How a number in Chinese text is read, by what stands before and behind it.

A quantity ("2个" 两个), a name ("第2" 第二), a year, a code ("单号1024" 幺零二四).
Simplified words; a dialect rewrites them in its own characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from gptsovits_ros.text.numbers_zh import cardinal, digits
from gptsovits_ros.text.numbers_zh import number as decimal_number
from gptsovits_ros.text.spoken.common import Number


@dataclass(frozen=True)
class Context:
    """The text beside a piece: a few characters on each side, and some more with the piece."""

    before: str
    after: str
    around: str


# What is counted: 2 before it is 两.
# fmt: off
COUNTED = re.compile(
    '个|個|件|条|條|只|隻|张|張|位|名|人(?!转)|种|種|次(?!元|方|列|航班)|遍|回|趟|场|場|辆|輛|架'
    '|艘|列|栋|幢'
    '|座|间|間|套|家|所|处|處|台|臺|部|本|册|份|篇|封|头|頭|匹|棵|株|朵|片|颗|顆|粒|块|塊|支|枝'
    '|根|把|杯|瓶|碗'
    '|盘|盤|盒|箱|包|袋|桶|罐|壶|盆|对|對|双|雙|副|群|批|堆|排|串|段|道|项|項|笔|筆|顿|頓|句|首'
    '|幅|枚|滴|口'
    '|天|日游|周|週|星期|礼拜|禮拜|小时|小時|分钟|分鐘|秒|刻钟|晚|夜|年|岁|歲|载|代人|世纪'
    '|元|块|毛|角|分|美元|欧元|英镑|日元|韩元|港元|港币|美金|新台币|人民币|蚊|毫子|磅'
    '|米|厘米|毫米|微米|纳米|千米|公里|里|英里|英尺|尺|寸|丈|海里|光年|步|英寸'
    '|克|千克|公斤|斤|毫克|微克|吨|噸|钱|升|毫升|加仑|平方|平米|立方|亩|畝|公顷|盎司'
    '|瓦|千瓦|伏|安培|赫兹|兆|比特|字节|大卡|千卡|卡路里|焦|帕|牛顿|摩尔|像素'
    '|倍|成|圈|轮|輪|局|球|票|席|户|戶|桌|集|课|堂|门|門|科|样|樣|方面|者|国|省|市|州|县|侧|端|点'
    '|點'
    '|针|剂|页|頁|边|邊|节|節|下(?!午|半|一|方)|层小?[楼别]|大|番|味|字|词|班次|人次|架次|场次|行'
)
_NAMED = re.compile(
    '月(?!饼)|日(?!元|游)|号|號|楼|樓|层(?!小?[楼别])|層|班|级|級|年级|年級|路|线|線|区|區|期|组'
    '|組|队'
    '|隊|环|環|章'
    '|等|代(?!人)|维|維|进制|進制|次元|次方|人转|胎|手(?!准备)|股东|队|等奖|两|兩|分之|比'
    '|点(?![0-9]{1,2}分)[0-9零一二三四五六七八九]'
    '|分店|分部|成语|字头|字型|班车|季度'
)
_MANY = re.compile('[几幾多余餘来來]|数')
_LARGE = re.compile('[万萬亿億千百]')
_YEAR_WORDS = re.compile(
    '届|屆|级(?!台|地|大|以|的|台风)|款|财年|赛季|学年|年度|世界杯|奥运|欧洲杯|亚运|春晚|春节'
    '|版(?!本)'
)
_DURATION_BEFORE = re.compile(
    '(?:近|约|約|共|有|过|過|了|满|滿|第|达|達|至少|长达|整整|历时|享年|每|这|這|那|前|后|後|超过'
    '|延长|保修'
    '|工作|经过|经历|时隔|民国|昭和|平成|令和|光绪|康熙|乾隆|同治|道光|嘉庆|雍正|贞观|开元|洪武'
    '|永乐|万历|崇祯|最近|未来|过去)$'
)
_DURATION_AFTER = re.compile(
    '年(?:前|后|後|来|來|间|間|以|之|内|內|多|的(?:历史|時間|时间|经验|工龄|婚)|历史|級|级|代|期'
    '|龄|薪|来)'
)
_AGE_AFTER = re.compile('年(?:前|的?历史)')
_ROUND = re.compile('[1-9]0{2,}')
_CODE_BEFORE = re.compile(
    '(?:号码|號碼|电话|電話|热线|熱線|手机|手機|拨打|撥打|请拨|致电|致電|传真|傳真|编号|編號|单号'
    '|單號|订单|工号|卡号'
    '|学号|學號|房号|房號|牌号|车牌|邮编|郵編|邮政编码|密码|密碼|验证码|驗證碼|序列号|身份证'
    '|身份證|账号|帐号|賬號|户号'
    '|[号號]|发送?[到至]|拨|撥|打去?|QQ群?|微信|代码|代碼|区号|尾號|尾数|尾數|流水号|分机|內線'
    '|内线'
    '|转|轉|口令'
    '|取件码|提取码|群号|型号|批号|证号|门牌|ID)'
    '(?:是|为|為|係|[:：“"(（号號码碼 ])*(?:[0-9]+[-、和或])?$'
)
_CODE_AFTER = re.compile(
    '(?:路(?!程)|号线|次(?:列车|航班|高铁|动车|特快|快车|车)|国道|省道|县道|航班|高速)'
)
_ROOM_BEFORE = re.compile('(?:单元|房间|房|室|教室|宿舍|病房|房號|寝室)$')
_ROOM_AFTER = re.compile('(?:房|室|号|號|教室|会议室|病房|宿舍|办公室|包间|包厢|寝室)')
_MODEL_AFTER = re.compile('(?:飞机|客机|战机|型|系列)')
_SERVICE = re.compile(
    '1(?:1[0249]|2[02]|2[0-9]{3}|00[0-9]{2}|6[0-9]{2,3})|9(?:5|6)[0-9]{3,4}|999|911'
)
_SERVICE_WORDS = re.compile(
    '报警|報警|警察|火警|急救|救护|消防|客服|热线|熱線|电话|電話|拨|撥|打|来电|短信|投诉|咨询'
    '|求助|联系|查号|查號'
)
# fmt: on
_TRAIN_BEFORE = re.compile('(?:^|[^A-Za-z])(?:[GDCZTKYLS]|[A-Z]{2})$')
# "1米78", "9秒83"
_TAIL_BEFORE = re.compile('[0-9][米秒]$')
# Series of aircraft, rockets and ships: the hyphen is no minus.
_SERIES_BEFORE = re.compile(
    '(?:歼|轰|运|直|东风|红旗|长征|神舟|嫦娥|天宫|鹰击|巨浪|霹雳|图|苏|米格|幻影)$'
)
_PLATE_BEFORE = re.compile('[\u4e00-\u9fff][A-Z]·?$')
_CODE_LETTERS_BEFORE = re.compile('(?:^|[^A-Za-z])[A-Z]{1,2}$')
_NAME_BEFORE = re.compile('第$|[A-Za-z]$')
_LATIN_BEFORE = re.compile('[A-Za-z][- ]?$')
_STATUS_BEFORE = re.compile('(?:HTTP|[Ee]rror|状态码|错误码|错误代码) ?$')
_LATIN_AFTER = re.compile('[A-Za-z]')
_COMPACT_DATE = re.compile('((?:19|20)[0-9]{2})(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])')
_LONGEST_QUANTITY = 9


def sign_word(number: Number) -> str:
    """Return 负, 正, 正负 or nothing."""
    return {'-': '负', '+': '正', '±': '正负'}.get(number.sign, '')


def plain(number: Number) -> str:
    """Return the number as a name of itself: 2 is 二, 200 二百, but 2000 两千."""
    words = decimal_number(f'{number.integer}.{number.decimals}')
    if number.decimals and not number.decimals.strip('0'):
        words = f'{cardinal(number.integer)}点{digits(number.decimals)}'
    if words[0] == '二' and words[1:2] in ('千', '万', '亿'):
        words = '两' + words[1:]
    return sign_word(number) + words


def quantity(number: Number) -> str:
    """Return the number before what it counts: 2 is 两, 200 两百."""
    words = plain(number)
    start = len(sign_word(number))
    if words[start:] == '二' or words[start : start + 2] == '二百':
        words = words[:start] + '两' + words[start + 1 :]
    return words


def counts(after: str) -> bool:
    """Tell whether the text behind a number is something counted (or a larger number)."""
    if _NAMED.match(after):
        return False
    return bool(COUNTED.match(after) or _MANY.match(after) or _LARGE.match(after))


def grouped(text: str, one: str, size: int = 4) -> str:
    """Return many digits with pauses: a mobile number 3-4-4, others by `size` from the left."""
    if len(text) <= 2 * size:
        return digits(text, one)
    # No group of one digit: the last may have five.
    starts = [0, *range(3 if len(text) == 11 else size, len(text) - 1, size), len(text)]
    groups = [digits(text[a:b], one) for a, b in zip(starts, starts[1:], strict=False)]
    return '，'.join(group for group in groups if group)


def integer(number: Number, context: Context, one: str) -> str:
    """Return a whole number as its context asks.

    Args:
        number: without decimals.
        context: what stands around it.
        one: the word for 1 in codes and telephone numbers.

    """
    text = number.integer
    if number.sign == '-' and _SERIES_BEFORE.search(context.before):
        return plain(replace(number, sign=''))
    if number.grouped or number.sign:
        return quantity(number) if counts(context.after) else plain(number)
    for rule in (_led_by_zero, _year, _code, _beside_latin, _long):
        words = rule(text, context, one)
        if words:
            return words
    if len(text) == 2 and context.after[:1] in ('折', '式'):
        return digits(text)
    if _NAME_BEFORE.search(context.before) or not counts(context.after):
        return plain(number)
    return quantity(number)


def _led_by_zero(text: str, context: Context, one: str) -> str:
    if text[0] != '0' or len(text) == 1:
        return ''
    if len(text) == 2 and context.after[:1] in ('月', '日', '号', '號', '时', '時', '点', '點'):
        return cardinal(text)
    return digits(text, one if len(text) > 2 else '一')


def _year(text: str, context: Context, one: str) -> str:
    after = context.after
    if re.search('公元前?$', context.before) and after[:1] == '年':
        return digits(text)
    if len(text) == 2 and re.match('[5-9][05]', text) and re.match('后(?!来|面)', after):
        return digits(text)
    if after[:1] != '年' and not _YEAR_WORDS.match(after):
        return ''
    is_duration = _DURATION_BEFORE.search(context.before) or _DURATION_AFTER.match(after)
    if len(text) == 4 and '1000' <= text < '2200':
        is_count = text.endswith('000') and is_duration
        is_age = text.endswith('00') and text < '1900' and _AGE_AFTER.match(after)
        return '' if is_count or is_age or text == '1000' else digits(text)
    if len(text) == 2 and text >= '60' and not is_duration:
        return digits(text)
    return ''


def _code(text: str, context: Context, one: str) -> str:
    before, after = context.before, context.after
    if len(text) >= 3:
        if _STATUS_BEFORE.search(before):
            return digits(text)
        is_counted = counts(after) and not _CODE_AFTER.match(after)
        if not is_counted and (_CODE_BEFORE.search(before) or _CODE_AFTER.match(after)):
            return grouped(text, one)
        if _PLATE_BEFORE.search(before):
            return digits(text, one)
        if _ROOM_AFTER.match(after) and not (_ROUND.fullmatch(text) and after[0] in '号號'):
            return digits(text)
        if not counts(after) and _ROOM_BEFORE.search(before):
            return digits(text)
        if _MODEL_AFTER.match(after) and not _ROUND.fullmatch(text):
            return digits(text)
        if _SERVICE.fullmatch(text) and not counts(after):
            near = context.around.replace(text, '')
            return digits(text, one) if _SERVICE_WORDS.search(near) else ''
    if len(text) == 2 and _TAIL_BEFORE.search(before) and not counts(after):
        return digits(text)
    is_train = _TRAIN_BEFORE.search(before) and re.match('次|航班', after)
    return digits(text, one) if is_train else ''


def _beside_latin(text: str, context: Context, one: str) -> str:
    before, after = context.before, context.after
    if len(text) >= 3 and _LATIN_BEFORE.search(before) and not counts(after):
        if _ROUND.fullmatch(text):
            return ''
        is_short_code = _CODE_LETTERS_BEFORE.search(before) and len(text) <= 5
        if len(text) > _LONGEST_QUANTITY:
            return grouped(text, one)
        return digits(text, one if is_short_code else '一')
    if len(text) >= 3 and _LATIN_AFTER.match(after) and not _ROUND.fullmatch(text):
        return digits(text)
    return ''


def _long(text: str, context: Context, one: str) -> str:
    if counts(context.after):
        return ''
    date = _COMPACT_DATE.fullmatch(text)
    if date:
        year, month, day = date.groups()
        return f'{digits(year)}年{cardinal(month)}月{cardinal(day)}日'
    return grouped(text, one) if len(text) > _LONGEST_QUANTITY else ''
