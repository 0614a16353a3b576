"""WAV files in a row, as streams are made of them."""

from shared_schema.wav_sizes import parts_of
from tests.support.sounds import wav


class Counted(bytes):
    """Bytes that count how often they are searched."""

    searches = 0

    def find(self, *wanted: object) -> int:
        """Search, and count it."""
        self.searches += 1
        return super().find(*wanted)  # type: ignore[arg-type]


def test_each_of_many_wavs_in_a_row_looks_only_for_the_next() -> None:
    """A reply of some hundred kilobytes kept a thread busy for seconds, one of ten for an hour."""
    content = Counted(wav(samples=b"", data_size=0) * 500)
    assert len(parts_of(content)) == 500
    assert content.searches <= 500
