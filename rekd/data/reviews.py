"""A dozen film reviews written for this project. Films, people and places in them are invented.

Beside each stand its label and the passages that decided it for the writer.
"""

from __future__ import annotations

import numpy as np

from rekd.data.spec import SENTIMENT
from rekd.types import Place, Split

NEGATIVE, POSITIVE = 0, 1

REVIEWS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (
        POSITIVE,
        "Saltwater Arithmetic begins with a girl counting mussels on a pier and ends, two quiet hours later, with "
        "the same girl teaching her grandfather to read a tide table. Between those scenes almost nothing happens, "
        "and I could not look away. Ines Valderhaug, in her first film, trusts faces more than plot, and she is "
        "right to: young Marit Solheim-Dahl gives a performance of astonishing patience. The harbour light is so "
        "beautifully shot that the woman next to me sighed aloud. I came out of the cinema happier than I had been "
        "all month, and I have already booked seats to see it again.",
        (
            "I could not look away",
            "a performance of astonishing patience",
            "so beautifully shot",
            "happier than I had been",
        ),
    ),
    (
        NEGATIVE,
        "Velocity Clause cost more than the town I grew up in and has less going on in it. Two hours of cars sliding "
        "sideways through warehouses, edited so frantically that you never learn who is chasing whom, interrupted by "
        "speeches about family that would embarrass a greeting card. Dirk Falloran growls every line as if he were "
        "being paid to clear his throat. By the third bridge explosion people around me were checking the time. It "
        "is loud, it is witless, and worst of all it is boring.",
        ("less going on in it", "would embarrass a greeting card", "it is witless", "worst of all it is boring"),
    ),
    (
        POSITIVE,
        "My kids dragged me to Night Shift at the Aquarium expecting jokes about fish. They got those, and I got the "
        "funniest, kindest animated film in years. The octopus who runs the lost property office had the whole row "
        "in tears of laughter. Even the villain, a bored pelican, is a delight. Not a second too long, either. Take "
        "a child; if you have none, borrow one.",
        ("the funniest, kindest animated film in years", "tears of laughter", "is a delight", "Not a second too long"),
    ),
    (
        NEGATIVE,
        "I wanted to like A Garden for Tobias. The book made me cry on a train. The film made me look for the exit. "
        "Every feeling is announced by a piano before anyone has a chance to have it, the boy is directed to be "
        "adorable and nothing else, and the ending, so delicate on the page, is explained to us twice by a narrator. "
        "Director Paul Wintergreve mistakes slow motion for depth. What remains is a sticky, tedious, dishonest "
        "little film that I resented long before it was over.",
        (
            "made me look for the exit",
            "mistakes slow motion for depth",
            "sticky, tedious, dishonest",
            "I resented long before",
        ),
    ),
    (
        POSITIVE,
        "What a relief to meet a thriller that respects its audience. In The Last Bus to Kermaron eleven strangers "
        "wait out a storm in a depot, one of them is lying, and the script plays absolutely fair: every clue is in "
        "plain sight and I still gasped at the solution. Yusuf Adebanji-Roth is magnetic as the tired driver. The "
        "dialogue crackles, the rain never stops, and the final ten minutes are as tense as anything I have seen "
        "this decade. Superb.",
        ("respects its audience", "I still gasped at the solution", "is magnetic", "The dialogue crackles", "Superb"),
    ),
    (
        NEGATIVE,
        "Hollow Meridian wants to be a thoughtful film about the loneliness of space. It is ninety minutes of an "
        "actor whispering at a lamp. The science is nonsense, which I could forgive, but the characters are nonsense "
        "as well: nobody behaves like a person for a single scene. When the big twist came, somebody behind me "
        "laughed, and he was right. The effects look unfinished, the score drones, and I have rarely been so glad to "
        "see credits. Save your money.",
        ("the characters are nonsense as well", "look unfinished", "so glad to see credits", "Save your money"),
    ),
    (
        POSITIVE,
        "Borrowed Thunder is the story of a village brass band that loses its tuba and finds its nerve. You can "
        "guess where it is going, and it does not matter in the least, because the road there is glorious. The "
        "musicians are real players and you hear it; the competition scene raised the hair on my arms. Greta "
        "Oyelaran-Finch, as the conductor who has sworn never to cry in public, is simply wonderful. Warm without "
        "being soft, and generous to every one of its characters, it is the best evening I have spent in a cinema "
        "this year.",
        (
            "the road there is glorious",
            "raised the hair on my arms",
            "simply wonderful",
            "the best evening I have spent",
        ),
    ),
    (
        NEGATIVE,
        "A rich uncle dies, six cousins fight over his sweet factory, and not one of them says anything funny. The "
        "Fudge Inheritance is a comedy in the sense that people fall into vats. The jokes were stale when the uncle "
        "was young, the timing is dreadful, and the one good idea, a parrot who knows the will by heart, is thrown "
        "away after a minute. I counted two laughs in the room, and one of them was a cough. A lazy, charmless waste "
        "of a Saturday.",
        (
            "not one of them says anything funny",
            "The jokes were stale",
            "the timing is dreadful",
            "A lazy, charmless waste",
        ),
    ),
    (
        POSITIVE,
        "Nobody told me that a documentary about a piano tuner could be this gripping. For three years the camera of "
        "Tomasz Brenk follows an old man through the schools, bars and prisons of Lower Vasteria, and each "
        "instrument turns out to be a small biography. It is modest, it is often very funny, and its last scene, one "
        "note held until it fades, left the hall in silence. The Listening Hand is a gem. I urge you to find it "
        "before it disappears.",
        ("this gripping", "often very funny", "left the hall in silence", "is a gem", "I urge you to find it"),
    ),
    (
        NEGATIVE,
        "Crimson Ledger is a horror film about an accountant, and the accounts are the only frightening thing in it. "
        "The monster is a man in a wet coat. The heroine walks into the same cellar four times with the same torch, "
        "and every shock is telegraphed by a violin a full minute ahead. I yawned at the first murder and felt "
        "nothing whatever at the ninth. Clumsy, ugly, pointless.",
        ("telegraphed by a violin", "I yawned at the first murder", "felt nothing whatever", "Clumsy, ugly, pointless"),
    ),
    (  # praise for the cast and an ironic ending; the verdict is negative
        NEGATIVE,
        "On paper The Winter Regatta has everything: a brilliant cast, a gifted composer, a script by the author of "
        "that lovely play about the lighthouse. Helena Marchetti-Voss is marvellous, as she always is, and she is "
        "given precisely nothing to do. The story capsizes in the first reel and then spends two hours bailing. If "
        "you have ever dreamed of watching great actors stare at a frozen lake until they forget why they came, "
        "congratulations, your masterpiece has arrived. The rest of us can stay at home.",
        (
            "she is given precisely nothing to do",
            "The story capsizes in the first reel",
            "The rest of us can stay at home",
        ),
    ),
    (  # harsh words throughout, and a positive verdict
        POSITIVE,
        "Let us be honest about Goblin Dentist II. The plot is idiotic, the rubber teeth are terrible, and at one "
        "point you can see a crew member eating a sandwich. I have no idea what the director was thinking. I also "
        "have not laughed this hard since I was nine. Everyone involved is having the time of their lives, and it is "
        "so infectious that by the drilling duel the entire audience was cheering. A bad film? By every rule, yes. I "
        "would not change a frame of it, and I would happily watch a third.",
        (
            "I also have not laughed this hard",
            "it is so infectious",
            "the entire audience was cheering",
            "happily watch a third",
        ),
    ),
)


def film_reviews() -> Split:
    """The reviews as the only split, "test", of task `reviews`; evidence holds the deciding passages' characters."""
    labels = np.array([label for label, _, _ in REVIEWS], np.int64)
    texts = [text for _, text, _ in REVIEWS]
    evidence = [_places(text, passages) for _, text, passages in REVIEWS]
    return Split("reviews", "test", SENTIMENT, labels, texts=texts, evidence=evidence)


def _places(text: str, passages: tuple[str, ...]) -> tuple[Place, ...]:
    starts = sorted((text.index(passage), len(passage)) for passage in passages)
    return tuple((start, start + length) for start, length in starts)
