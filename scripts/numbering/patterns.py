"""The pattern language of the metadata, and the two forms that it is compiled to.

The patterns are a small regular language: digits, `\\d`, classes, groups, `|`, `?`, `{n}`, `{n,m}`
and, only in national prefixes, capture groups and `$`. Anything else stops the generator, so that
new metadata can not be misread in silence.

* `Automaton`: position automata of any number of patterns, run side by side. The generator walks
  it to build the digit table that answers region, type and validity in one pass.
* `prefix_program`: a program for the backtracking matcher of `prefix.rs`, for the few patterns of
  which the *end* and the captured groups matter.
"""

ALL = (1 << 10) - 1
END_OF_INPUT = "$"

# Keep in step with src/recipient/prefix.rs.
OP_CLASS, OP_SPLIT, OP_JUMP, OP_SAVE, OP_END, OP_MATCH = range(6)


def parse(pattern):
    """A pattern as a tree of ("class", mask) | ("cat", [..]) | ("alt", [..]) | ("repeat", node,
    low, high) | ("group", node) | ("end",)."""
    tree, at = _alternatives(pattern, 0)
    if at != len(pattern):
        raise ValueError(f"unbalanced pattern {pattern!r}")
    return tree


def _alternatives(text, at):
    branches = []
    while True:
        branch, at = _sequence(text, at)
        branches.append(branch)
        if at < len(text) and text[at] == "|":
            at += 1
            continue
        return (branches[0] if len(branches) == 1 else ("alt", branches)), at


def _sequence(text, at):
    items = []
    while at < len(text) and text[at] not in "|)":
        item, at = _atom(text, at)
        item, at = _quantified(item, text, at)
        items.append(item)
    return ("cat", items), at


def _atom(text, at):
    char = text[at]
    if char.isdigit():
        return ("class", 1 << int(char)), at + 1
    if text.startswith("\\d", at):
        return ("class", ALL), at + 2
    if char == "[":
        return _class(text, at + 1)
    if char == "$":
        return ("end",), at + 1
    if char == "(":
        capture = not text.startswith("(?:", at)
        tree, at = _alternatives(text, at + (1 if capture else 3))
        if text[at] != ")":
            raise ValueError(f"unbalanced group in {text!r}")
        return (("group", tree) if capture else tree), at + 1
    raise ValueError(f"unexpected {char!r} in {text!r}")


def _class(text, at):
    mask = 0
    while text[at] != "]":
        low = text[at]
        if not low.isdigit():
            raise ValueError(f"unexpected {low!r} in a class of {text!r}")
        high = low
        if text[at + 1] == "-":
            high = text[at + 2]
            at += 2
        at += 1
        for digit in range(int(low), int(high) + 1):
            mask |= 1 << digit
    return ("class", mask), at + 1


def _quantified(item, text, at):
    if at >= len(text):
        return item, at
    if text[at] == "?":
        return ("repeat", item, 0, 1), at + 1
    if text[at] == "{":
        close = text.index("}", at)
        bounds = text[at + 1 : close].split(",")
        return ("repeat", item, int(bounds[0]), int(bounds[-1])), close + 1
    return item, at


class Automaton:
    """Position automata. A state is a bit set of the positions that may be matched next."""

    def __init__(self):
        self.masks = []
        self.follow = []

    def add(self, pattern, prefix=False):
        """Adds a pattern; returns its start state and the bit that says "matched here".

        With `prefix`, a match stays a match whatever digits come after it.
        """
        end = self._position(ALL if prefix else 0)
        if prefix:
            self.follow[end] = 1 << end
        first, nullable, last = self._positions(parse(pattern))
        for position in last:
            self.follow[position] |= 1 << end
        return first | (1 << end if nullable else 0), 1 << end

    def step(self, state, digit):
        """The state after one more digit."""
        result, bit = 0, 1 << digit
        while state:
            low = state & -state
            position = low.bit_length() - 1
            if self.masks[position] & bit:
                result |= self.follow[position]
            state ^= low
        return result

    def _position(self, mask):
        self.masks.append(mask)
        self.follow.append(0)
        return len(self.masks) - 1

    def _positions(self, tree):
        kind = tree[0]
        if kind == "class":
            position = self._position(tree[1])
            return 1 << position, False, [position]
        if kind == "group":
            return self._positions(tree[1])
        if kind == "cat":
            return self._joined(self._positions(item) for item in tree[1])
        if kind == "alt":
            first, nullable, last = 0, False, []
            for branch in tree[1]:
                f, n, l = self._positions(branch)
                first, nullable, last = first | f, nullable or n, last + l
            return first, nullable, last
        if kind == "repeat":
            _, item, low, high = tree
            copies = [self._positions(item) for _ in range(high)]
            return self._joined(
                (f, n or index >= low, l) for index, (f, n, l) in enumerate(copies)
            )
        raise ValueError(f"{kind} is not supported in a number pattern")

    def _joined(self, parts):
        first, nullable, last = 0, True, []
        for f, n, l in parts:
            for position in last:
                self.follow[position] |= f
            if nullable:
                first |= f
            last = last + l if n else l
            nullable = nullable and n
        return first, nullable, last


def prefix_program(pattern, base):
    """The pattern as words for the backtracking matcher, first alternative preferred.

    The first word is the set of digits that a match can begin with; most numbers are done there.
    `base` is where the words will lie: targets of splits and jumps are absolute.
    """
    code = []
    tree = parse(pattern)
    groups = _emit(tree, code, 0)
    if groups > 2:
        raise ValueError(f"more than two groups in {pattern!r}")
    code.append((OP_MATCH,))
    offsets, size = [], base + 1
    for op in code:
        offsets.append(size)
        size += len(op)
    offsets.append(size)
    words = [_first(tree)[0]]
    for op in code:
        words.append(op[0])
        targets = op[0] in (OP_SPLIT, OP_JUMP)
        words += [offsets[word] if targets else word for word in op[1:]]
    return words


def _emit(tree, code, groups):
    kind = tree[0]
    if kind == "class":
        code.append((OP_CLASS, tree[1]))
    elif kind == "end":
        code.append((OP_END,))
    elif kind == "group":
        slot = 2 * groups
        code.append((OP_SAVE, slot))
        groups = _emit(tree[1], code, groups + 1)
        code.append((OP_SAVE, slot + 1))
    elif kind == "cat":
        for item in tree[1]:
            groups = _emit(item, code, groups)
    elif kind == "alt":
        jumps = []
        for index, branch in enumerate(tree[1]):
            if index == len(tree[1]) - 1:
                groups = _emit(branch, code, groups)
                break
            split = len(code)
            code.append(None)
            groups = _emit(branch, code, groups)
            jumps.append(len(code))
            code.append(None)
            code[split] = (OP_SPLIT, split + 1, len(code))
        for jump in jumps:
            code[jump] = (OP_JUMP, len(code))
    elif kind == "repeat":
        _, item, low, high = tree
        if _has_group(item) and high > 1:
            raise ValueError("a repeated group can not be compiled")
        for _ in range(low):
            groups = _emit(item, code, groups)
        splits = []
        for _ in range(high - low):
            splits.append(len(code))
            code.append(None)
            groups = _emit(item, code, groups)
        for split in splits:
            code[split] = (OP_SPLIT, split + 1, len(code))
    return groups


def _first(tree):
    """The digits that a match can begin with, and whether it can be empty."""
    kind = tree[0]
    if kind == "class":
        return tree[1], False
    if kind == "end":
        return 0, True
    if kind == "group":
        return _first(tree[1])
    if kind == "repeat":
        mask, nullable = _first(tree[1])
        return mask, nullable or tree[2] == 0
    parts = [_first(part) for part in tree[1]]
    if kind == "alt":
        return _union(mask for mask, _ in parts), any(nullable for _, nullable in parts)
    mask = 0
    for part, nullable in parts:
        mask |= part
        if not nullable:
            return mask, False
    return mask, True


def _union(masks):
    result = 0
    for mask in masks:
        result |= mask
    return result


def _has_group(tree):
    return tree[0] == "group" or any(
        _has_group(child)
        for part in tree[1:]
        for child in (part if isinstance(part, list) else [part])
        if isinstance(child, tuple)
    )


def pending_choices(words, start):
    """The most alternatives that can be left open at once: the matcher's stack."""
    memo = {}

    def depth(at):
        if at not in memo:
            op = words[at]
            if op == OP_MATCH:
                memo[at] = 0
            elif op == OP_SPLIT:
                memo[at] = max(1 + depth(words[at + 1]), depth(words[at + 2]))
            elif op == OP_JUMP:
                memo[at] = depth(words[at + 1])
            else:
                memo[at] = depth(at + (1 if op == OP_END else 2))
        return memo[at]

    return depth(start + 1)
