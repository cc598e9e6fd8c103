"""Hierarchies as published: a fine emotion and the basic one it belongs to."""

from __future__ import annotations

#: WEBEmo's 25 emotions and Parrott's primary ones. The groups are those of Shaver et al., Emotion knowledge, Journal of
#: Personality and Social Psychology 52, 1987, which Parrott adopts; `gratitude` and `confusion` are in neither, and
#: are placed here with love and surprise, which was not checked against the release.
PARROTT: dict[str, str] = {
    name: parent
    for parent, names in {
        "anger": "disgust envy exasperation irritability rage",
        "fear": "horror nervousness",
        "joy": "cheerfulness contentment enthrallment optimism pride relief zest",
        "love": "affection gratitude lust",
        "sadness": "disappointment neglect sadness shame suffering sympathy",
        "surprise": "confusion surprise",
    }.items()
    for name in names.split()
}

#: Plutchik's wheel: three intensities of each of eight emotions, the strongest first.
PLUTCHIK: dict[str, str] = {
    name: names.split()[1]
    for names in (
        "ecstasy joy serenity",
        "admiration trust acceptance",
        "terror fear apprehension",
        "amazement surprise distraction",
        "grief sadness pensiveness",
        "loathing disgust boredom",
        "rage anger annoyance",
        "vigilance anticipation interest",
    )
    for name in names.split()
}
