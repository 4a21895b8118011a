"""Things that two people might say: a small grammar over a word bank."""

from __future__ import annotations

import numpy as np

_WORDS = {
    "person": (
        "my sister|the neighbour|my boss|our teacher|a friend of mine|the driver|my uncle|"
        "the woman next door|the doctor|some guy at work|the whole family|my cousin|"
        "the new colleague|your brother|the old landlord"
    ),
    "place": (
        "the market|the station|that little cafe|the mountains|the office|the harbour|"
        "the library|a farm up north|the kitchen|the other side of town|the garden|the airport|"
        "the theatre|the lake|my old school"
    ),
    "thing": (
        "the bicycle|that enormous cake|the piano|a box of letters|the broken window|my coat|"
        "the radio|the tickets|a yellow boat|the recipe|the green sofa|the map|a bag of apples|"
        "the camera|the second chapter|the heating"
    ),
    "did": (
        "found|forgot|painted|sold|repaired|carried|dropped|borrowed|noticed|measured|"
        "cleaned|promised us|asked about|paid for|laughed about|argued over"
    ),
    "do": (
        "find|forget|paint|sell|repair|carry|borrow|notice|measure|clean|talk about|pay for|look after|try"
    ),
    "quality": (
        "wonderful|strange|expensive|quiet|heavy|funny|difficult|lovely|noisy|brilliant|"
        "awkward|huge|ordinary|complicated|surprisingly good|a bit sad|absolutely perfect|"
        "really boring"
    ),
    "time": (
        "yesterday|last summer|on Tuesday|in the morning|after dinner|two years ago|"
        "every single day|at midnight|next week|before the holidays|this afternoon|"
        "when I was nine|just now"
    ),
    "number": ("three|seven|twelve|forty|a hundred|two|fifteen|nine|at least twenty"),
    "opener": ("well|so|you know|honestly|I mean|look|okay|actually|right|listen|and then|but|anyway"),
    "feeling": ("happy|tired|worried|proud|curious|annoyed|excited|confused|relieved|hungry"),
}
_STATEMENTS = (
    "{opener}, {person} {did} {thing} {time}",
    "I think {thing} is {quality}, and {thing} is even more {quality}",
    "{time} we went to {place}, and it was {quality}",
    "{person} told me that {place} is {quality} {time}",
    "{opener}, I was so {feeling} that I {did} {thing} right there",
    "there were {number} people at {place}, and every one of them {did} {thing}",
    "it was {quality}, it was {quality}, and nobody {did} anything",
    "you have to {do} {thing} first, then you {do} the rest",
    "{opener}, I would never {do} {thing} at {place}",
    "we walked from {place} all the way to {place}",
    "on the one hand it is {quality}, on the other hand {person} is {feeling}",
    "I {did} {thing}, because {person} wanted to {do} it {time}",
    "the big one costs {number}, and the small one costs {number}",
    "not {thing}, not {thing}, but {thing}",
    "{person} was {feeling}, really {feeling}, about {thing}",
    "{opener}, what I wanted to say is that {place} is not {quality} at all",
    "if {person} comes {time}, we can {do} {thing} together",
    "imagine {place} with {number} chairs and {thing} in the middle",
)
_QUESTIONS = (
    "did you {do} {thing} {time}?",
    "how was {place}?",
    "and what did {person} say?",
    "do you think that {thing} is {quality}?",
    "have you ever been to {place}?",
    "why would {person} {do} {thing}?",
    "are you {feeling}?",
    "so who {did} {thing}?",
)
_ANSWERS = (
    "yes, of course",
    "no, not at all",
    "I am not sure about that",
    "oh, that is {quality}",
    "exactly, that is what I mean",
    "maybe {time}, maybe never",
    "that makes me {feeling}",
    "I have no idea",
)
BACKCHANNELS = ("mhm", "yeah", "right", "oh, really", "I see", "okay", "uh huh", "wow", "sure", "of course")


def _fill(template: str, rng: np.random.Generator) -> str:
    words = template
    for kind, bank in _WORDS.items():
        while "{" + kind + "}" in words:
            words = words.replace("{" + kind + "}", str(rng.choice(bank.split("|"))), 1)
    return words


def turn(rng: np.random.Generator, sentences: int) -> list[str]:
    """What one person says before the other takes over; some open with an answer or end with a question."""
    said = [_fill(str(rng.choice(_STATEMENTS)), rng) for _ in range(sentences)]
    if rng.random() < 0.3:
        said[0] = _fill(str(rng.choice(_ANSWERS)), rng)
    if rng.random() < 0.35:
        said[-1] = _fill(str(rng.choice(_QUESTIONS)), rng)
    return said


def backchannel(rng: np.random.Generator) -> str:
    """A listener's sign of attention."""
    return str(rng.choice(BACKCHANNELS))
