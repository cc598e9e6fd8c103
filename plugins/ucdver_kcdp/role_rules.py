"""Roles without a parser: enough grammar for the short, regular sentences that captioners write."""

from __future__ import annotations

import re

from ucdver_kcdp.roles import Frame, tag_spans


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BE = _words("is are was were be been am 's 're")
_HELP = _BE | _words("has have had does do did can could will would may might must should")
#: Words that begin where, when or with what something is.
PREPOSITIONS = _words(
    "about above across after against along among around as at before behind below beneath beside between beyond by "
    "down during for from in inside into near of off on onto out outside over past through to toward towards under "
    "until up upon with within without"
)
#: Where one clause ends and another begins.
_BREAKS = _words("while because although and but or so then that which who whose as")
_DETERMINERS = _words(
    "a an the this that these those his her its their my your our some any each every no one two three four five "
    "six several many both another"
)
#: Plurals without an s; a bare verb may follow a plural.
_PLURALS = _words("children people men women feet teeth police mice geese")
_PRONOUNS = _words("he she it they we you i someone somebody everyone people there")
#: Verbs of captions that are told by no ending; others are known by -ing, -ed, or an auxiliary before them.
_STEMS = _words(
    "appear bark bite blow carry catch chase cheer climb convey cover create cry dance depict display draw drink "
    "drive eat embrace enjoy evoke express face fall feature feel fight fill fly gaze get give go grab hang have "
    "hit hold hug include indicate jump kick kiss laugh lay lean leave lie lift look love make move offer open play "
    "point pose pour pull push put raise reach read represent rest ride run scream see seem shake shine shout show "
    "sing sit sleep smile speak stand stare stick suggest surround take talk tell think throw touch turn use walk "
    "watch wave wear work write yell"
)
_PAST = _words(
    "ate began bit blew broke brought built caught chose came drank drew drove fell felt fought flew gave got went "
    "grew held hit hung kept knew laid led left lay lost made met ran read rode rang rose said sang sat saw sent "
    "shook shot shone showed slept spoke spent stood stole stuck swam swung took taught told thought threw "
    "understood woke wore won wrote"
)
#: Nouns and adjectives that end like verbs.
_NOT_VERBS = _words(
    "building ceiling clothing evening king lighting morning painting drawing ring string thing wing spring nothing "
    "something anything everything during being bed red seed shed sled speed weed colored coloured tired surprised "
    "excited hundred sacred wicked naked aged amazing interesting boring exciting charming darling sibling wedding "
    "living dining"
)


def _third_person(stem: str) -> str:
    if stem == "have":
        return "has"
    if re.search(r"(s|x|z|ch|sh|o)$", stem):
        return f"{stem}es"
    return f"{stem[:-1]}ies" if re.search(r"[^aeiou]y$", stem) else f"{stem}s"


_THIRD = frozenset(_third_person(stem) for stem in _STEMS)


class RuleParser:
    """Finds verbs by form and neighbours, the subject before and what belongs to the verb behind.

    It knows one frame a verb: what precedes the verb in its clause is ARG0; what follows is ARG2 after a form of "to
    be", ARGM where a preposition begins it, else ARG1, with an ARGM from the first preposition on. It makes mistakes
    that a real parser would not; `SpacyParser` is there for that.
    """

    def frames(self, text: str) -> list[Frame]:
        """Return the frames of all sentences of a text, in their order."""
        found = []
        for sentence in re.split(r"(?<=[.!?;])\s+|\n", text):
            words = tuple(re.findall(r"\w+(?:-\w+)*|'\w+|[,.;:!?]", sentence))
            found += self._sentence(words)
        return found

    def _sentence(self, words: tuple[str, ...]) -> list[Frame]:
        lower = [word.lower() for word in words]
        verbs = _verbs(lower)
        frames = []
        subject = (0, 0)
        for number, (start, end) in enumerate(verbs):
            floor = verbs[number - 1][1] if number else 0
            before = _subject(lower, floor, start, first=number == 0)
            # A verb without words of its own before it (", holding a cup") shares the subject of the last one.
            subject = before if before[1] > before[0] else subject
            limit = verbs[number + 1][0] if number + 1 < len(verbs) else len(words)
            frames.append(tag_spans(words, {"ARG0": subject, "V": (start, end), **_behind(lower, start, end, limit)}))
        return frames


def _verbs(words: list[str]) -> list[tuple[int, int]]:
    """Return the word ranges of verb groups: auxiliaries and the verb that they help."""
    found: list[tuple[int, int]] = []
    i = 0
    while i < len(words):
        end = i
        while end < len(words) and (words[end] in _HELP or (end > i and words[end] in ("not", "n't", "being"))):
            end += 1
        if end < len(words) and _is_verb(words, end, helped=end > i):
            end += 1
        if end > i:
            found.append((i, end))
        i = max(end, i + 1)
    return found


def _is_verb(words: list[str], at: int, helped: bool) -> bool:
    word = words[at]
    if word in _NOT_VERBS or (at and words[at - 1] in _DETERMINERS):
        return False
    # After "is", only a participle belongs to the verb: "is happy" is a verb and what is said.
    if word.endswith("ing") and len(word) > 4:
        return True
    if word.endswith("ed") and len(word) > 4:
        return True
    if helped:
        return word in _STEMS and words[at - 1] not in _BE
    plural_or_pronoun = at > 0 and (words[at - 1] in _PRONOUNS | _PLURALS or words[at - 1].endswith("s"))
    return word in _THIRD or word in _PAST or (word in _STEMS and plural_or_pronoun)


def _subject(words: list[str], floor: int, verb: int, first: bool) -> tuple[int, int]:
    """Return the words before a verb, back to the last break; behind an earlier verb they must begin a new clause."""
    start = verb
    while start > floor and words[start - 1] not in _BREAKS and not re.match(r"\W", words[start - 1]):
        start -= 1
    return (start, verb) if first or start > floor else (verb, verb)


def _behind(words: list[str], start: int, end: int, limit: int) -> dict[str, tuple[int, int]]:
    """Return the ranges of what follows a verb group, by role, up to the next break."""
    stop = end
    while stop < limit and words[stop] not in _BREAKS - {"as"} and not re.match(r"\W", words[stop]):
        stop += 1
    if stop == end:
        return {}
    # "of" is inside a noun phrase.
    turn = next((i for i in range(end, stop) if words[i] in PREPOSITIONS - {"of"}), stop)
    if words[end - 1] in _BE and words[start] in _BE:
        return {"ARG2": (end, stop)}
    if words[end - 1].endswith("ed") and end - start > 1 and turn == end:
        # Passive: what stands before it is what was acted on, and the agent or the place follows.
        return {"ARG2": (end, stop)}
    return {"ARG1": (end, turn), "ARGM-LOC": (turn, stop)}
