"""Which hand is the signer's left one, where the detector did not say."""

import numpy as np

# Points of a hand.
_WRIST, _INDEX_KNUCKLE, _LITTLE_KNUCKLE = 0, 5, 17
_KNUCKLES = (5, 9, 13, 17)
# The thumb counts twice: it folds even where the fingers are stretched.
_TIPS = (4, 4, 8, 12, 16, 20)

# What one frame says at most by its fold is 1. Against it weigh: the place of two hands, a hand size or more beside
# each other; a jump by one hand size from frame to frame; that one hand goes and the other one comes.
_PLACE, _JUMP, _CHANGE = 2.0, 2.0, 10.0

#: Jumps that are longer, in hand sizes, tell no more than this one.
_LONGEST_JUMP = 4.0


def tell_hands_apart(hands: np.ndarray) -> np.ndarray:
    """Sorts the hands of a clip into the signer's left and right one.

    Of all ways to name the hands, frame by frame, that one is taken which contradicts these three signs least:

    - Place: of two hands in one frame, the left hand is further to the right of the picture.
    - Fold: thumb and fingers fold towards the palm, so with the wrist and the knuckles they tell a left hand from a
      right one, whichever side it shows and however it is turned.
    - Continuity: a hand is near where it was in the frame before that shows any.

    In a mirrored picture, left and right come out swapped. Hands that cross for long are mixed up. On clips of webcams
    whose hands MediaPipe Holistic had named (ksl13, asl33, asl11), 0.99 of the hands got the same name; the weights
    were chosen on these clips.

    Args:
        hands: Float `(frames, 2, 21, 3)`, two hands in any order, each whole or NaN. x and y are fractions of the
            frame's width and height, z has the scale of x.

    Returns:
        An array of the same shape and type: the left hand first, then the right.
    """
    seen = ~np.isnan(hands[:, :, _WRIST, 0])
    frames = np.flatnonzero(seen.any(axis=1))
    ordered = hands.copy()
    if not len(frames):
        return ordered
    swapped = _least_contradiction(hands[frames].astype(np.float32), seen[frames])
    ordered[frames[swapped]] = hands[frames[swapped], ::-1]
    return ordered


def _least_contradiction(hands: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Tells in which frames the second hand is the left one, bool `(frames)`; each frame shows a hand."""
    wrists = hands[:, :, _WRIST, :2]
    sizes = np.linalg.norm(hands[:, :, _KNUCKLES, :2] - hands[:, :, [_WRIST], :2], axis=-1).mean(axis=-1)
    wrists = wrists / max(float(np.median(sizes[seen])), 1e-6)
    fold = np.where(seen, _fold(hands), 0)
    # Hands whose wrists meet are not told apart by their place.
    place = np.where(seen.all(axis=1), (wrists[:, 0, 0] - wrists[:, 1, 0]).clip(-1, 1), 0)
    # How much speaks for the first hand as the left one.
    evidence = fold[:, 0] - fold[:, 1] + _PLACE * place

    # Viterbi's algorithm over two states: the order as given (0), or the other one (1).
    steps = _steps(wrists, seen)
    cost = np.array([-evidence[0], evidence[0]])
    came_from = np.zeros((len(seen), 2), int)
    for frame in range(1, len(seen)):
        total = cost[:, None] + steps[frame - 1]
        came_from[frame] = total.argmin(axis=0)
        cost = total.min(axis=0) + np.array([-evidence[frame], evidence[frame]])
    states = np.zeros(len(seen), int)
    states[-1] = cost.argmin()
    for frame in range(len(seen) - 1, 0, -1):
        states[frame - 1] = came_from[frame, states[frame]]
    return states.astype(bool)


def _fold(hands: np.ndarray) -> np.ndarray:
    """How clearly each hand folds as a left one does: 1 wholly, -1 as a right one, `(frames, 2)`."""
    wrist = hands[:, :, _WRIST]
    # This normal points to the side of the palm on a left hand, to the back on a right one. Width and height of the
    # frame need not be known: stretching an axis changes no sign.
    normal = np.cross(hands[:, :, _LITTLE_KNUCKLE] - wrist, hands[:, :, _INDEX_KNUCKLE] - wrist)
    folded = hands[:, :, _TIPS].mean(axis=2) - hands[:, :, _KNUCKLES].mean(axis=2)
    length = np.linalg.norm(normal, axis=-1) * np.linalg.norm(folded, axis=-1)
    return (normal * folded).sum(axis=-1) / np.maximum(length, 1e-9)


def _steps(wrists: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The cost of each pair of states in frames that follow each other, `(frames - 1, 2, 2)`."""
    # From the hand `a` of a frame to the hand `b` of the next: NaN where one of them is not seen.
    jumps = np.linalg.norm(wrists[:-1, :, None] - wrists[1:, None, :], axis=-1)
    jumps = np.minimum(jumps, _LONGEST_JUMP) * _JUMP
    both = seen[:-1, :, None] & seen[1:, None, :]
    jumps = np.where(both, jumps, 0)
    same, other = jumps[:, 0, 0] + jumps[:, 1, 1], jumps[:, 0, 1] + jumps[:, 1, 0]
    # Where no hand of one name is in both frames, a hand has gone and the other one has come.
    same += _CHANGE * ~(both[:, 0, 0] | both[:, 1, 1])
    other += _CHANGE * ~(both[:, 0, 1] | both[:, 1, 0])
    return np.stack([np.stack([same, other], axis=1), np.stack([other, same], axis=1)], axis=1)


__all__ = ["tell_hands_apart"]
