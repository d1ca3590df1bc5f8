"""Phonemes for English words that no dictionary has, by a small recurrent network.

Source: Park and Kim, g2p_en (2019): a GRU encoder reads the letters, a GRU decoder writes the
phonemes greedily; the weights are theirs (data/SOURCES_en.md).
"""

from __future__ import annotations

import numpy as np

from gptsovits_ros.text.data_files import data_path

_LETTERS = {letter: number for number, letter in enumerate('abcdefghijklmnopqrstuvwxyz', start=3)}
_UNKNOWN_LETTER, _END_OF_WORD = 1, 2
_START, _END = 2, 3
_MAX_PHONEMES = 20
_SPECIALS = ('<pad>', 'UNK', '<s>', '</s>')
_PHONEMES = (
    *_SPECIALS,
    *(
        'AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH EH0 '
        'EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 '
        'OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH'
    ).split(),
)


class NeuralG2P:
    """Guesses the phonemes of one word from its letters."""

    def __init__(self) -> None:
        """Read the weights (float32, 0.84 million values)."""
        with np.load(data_path('en_network.npz'), allow_pickle=False) as arrays:
            self._weights = {name: arrays[name] for name in arrays.files}

    def __call__(self, word: str) -> list[str]:
        """Return at most 20 phonemes for a word.

        Args:
            word: lower-case letters a to z; any other character is read as "unknown letter".

        """
        state = np.zeros(self._weights['enc_w_hh'].shape[1], dtype=np.float32)
        for letter in [*(_LETTERS.get(c, _UNKNOWN_LETTER) for c in word), _END_OF_WORD]:
            state = self._step('enc', letter, state)
        phonemes = []
        number = _START
        for _ in range(_MAX_PHONEMES):
            state = self._step('dec', number, state)
            number = int(np.argmax(self._weights['fc_w'] @ state + self._weights['fc_b']))
            if number == _END:
                break
            phonemes.append(_PHONEMES[number])
        return phonemes

    def _step(self, side: str, number: int, state: np.ndarray) -> np.ndarray:
        """Return the next hidden state [256] of the encoder ("enc") or decoder ("dec")."""
        weights = self._weights
        given = weights[f'{side}_w_ih'] @ weights[f'{side}_emb'][number] + weights[f'{side}_b_ih']
        kept = weights[f'{side}_w_hh'] @ state + weights[f'{side}_b_hh']
        reset_in, update_in, new_in = np.split(given, 3)
        reset_kept, update_kept, new_kept = np.split(kept, 3)
        reset = _sigmoid(reset_in + reset_kept)
        update = _sigmoid(update_in + update_kept)
        proposal = np.tanh(new_in + reset * new_kept)
        return (1 - update) * proposal + update * state


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
