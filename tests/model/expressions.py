"""Random expressions, each as the text that is sent and as a function of the reference's own: nothing is parsed here.

A document path is an attribute name and steps into it (names and indexes)."""
from decimal import Context, Decimal

from values import SETS, order, to_json

EXACT = Context(prec=400)
DIGITS_MAX = 38

ORDERED = ("S", "N", "B")
MISSING = None


class Placeholders:
    """ExpressionAttributeNames and ExpressionAttributeValues of one request."""

    def __init__(self, rng):
        self.rng, self.names, self.values = rng, {}, {}

    def name(self, name):
        if self.rng.random() < 0.3 and not name.startswith("_"):
            return name
        for placeholder, meant in self.names.items():
            if meant == name:
                return placeholder
        placeholder = "#n%d" % len(self.names)
        self.names[placeholder] = name
        return placeholder

    def value(self, value):
        placeholder = ":v%d" % len(self.values)
        self.values[placeholder] = to_json(value)
        return placeholder

    def path(self, path):
        return "".join("[%d]" % step if isinstance(step, int) else ("." if i else "") + self.name(step)
                       for i, step in enumerate(path))

    def into(self, request):
        if self.names:
            request["ExpressionAttributeNames"] = self.names
        if self.values:
            request["ExpressionAttributeValues"] = self.values
        return request


def look(item, path):
    """The value at a path, or MISSING."""
    value = ("M", item or {})
    for step in path:
        if value is MISSING:
            return MISSING
        kind, data = value
        if isinstance(step, int):
            value = data[step] if kind == "L" and step < len(data) else MISSING
        else:
            value = data.get(step) if kind == "M" else MISSING
    return value


def compare(operator, left, right):
    if operator == "<>":
        return left is MISSING or left != right
    if left is MISSING:
        return False
    if operator == "=":
        return left == right
    if left[0] != right[0] or left[0] not in ORDERED:
        return False
    a, b = order(left), order(right)
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator]


def size(value):
    if value is MISSING:
        return MISSING
    kind, data = value
    if kind == "S":
        return "N", Decimal(len(data.encode("utf-16-le")) // 2)
    if kind == "B" or kind in ("L", "M") or kind in SETS:
        return "N", Decimal(len(data))
    return MISSING


def contains(value, operand):
    if value is MISSING:
        return False
    kind, data = value
    if kind in ("S", "B"):
        return operand[0] == kind and operand[1] in data
    if kind in SETS:
        return operand[0] == SETS[kind] and operand[1] in data
    return kind == "L" and operand in data


class Conditions:
    """Makes (text, function of an item) pairs over the given paths; `some_value(path)` gives operands that often match."""

    def __init__(self, rng, placeholders, some_path, some_value):
        self.rng, self.say, self.some_path, self.some_value = rng, placeholders, some_path, some_value

    def of_type(self, path, kinds):
        for _ in range(30):
            value = self.some_value(path)
            if value[0] in kinds:
                return value
        return "S", "x"

    def comparison(self):
        path, operator = self.some_path(), self.rng.choice(["=", "<>", "<", "<=", ">", ">="])
        value = self.some_value(path) if operator in ("=", "<>") else self.of_type(path, ORDERED)
        left, right = self.say.path(path), self.say.value(value)
        if self.rng.random() < 0.2:
            flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
            return "%s %s %s" % (right, flipped, left), lambda item: compare(operator, look(item, path), value)
        return "%s %s %s" % (left, operator, right), lambda item: compare(operator, look(item, path), value)

    def between(self):
        path = self.some_path()
        low = self.of_type(path, ORDERED)
        high = self.of_type(path, (low[0],))
        if high[0] != low[0]:
            high = low
        if order(low) > order(high):
            low, high = high, low
        text = "%s BETWEEN %s AND %s" % (self.say.path(path), self.say.value(low), self.say.value(high))
        return text, lambda item: (compare(">=", look(item, path), low) and compare("<=", look(item, path), high))

    def within(self):
        path = self.some_path()
        values = [self.some_value(path) for _ in range(self.rng.randrange(1, 6))]
        text = "%s IN (%s)" % (self.say.path(path), ", ".join(self.say.value(value) for value in values))
        return text, lambda item: look(item, path) in values

    def existence(self):
        path, there = self.some_path(), self.rng.random() < 0.5
        text = "%s(%s)" % ("attribute_exists" if there else "attribute_not_exists", self.say.path(path))
        return text, lambda item: (look(item, path) is not MISSING) == there

    def type_(self):
        path, kind = self.some_path(), self.rng.choice(["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"])
        text = "attribute_type(%s, %s)" % (self.say.path(path), self.say.value(("S", kind)))
        return text, lambda item: look(item, path) is not MISSING and look(item, path)[0] == kind

    def beginning(self):
        path = self.some_path()
        kind, data = self.of_type(path, ("S", "B"))
        prefix = kind, data[:self.rng.randrange(len(data) + 1)]
        text = "begins_with(%s, %s)" % (self.say.path(path), self.say.value(prefix))

        def holds(item):
            value = look(item, path)
            return value is not MISSING and value[0] == kind and value[1].startswith(prefix[1])
        return text, holds

    def containing(self):
        path = self.some_path()
        operand = self.of_type(path, ("S", "N", "B"))
        text = "contains(%s, %s)" % (self.say.path(path), self.say.value(operand))
        return text, lambda item: contains(look(item, path), operand)

    def sized(self):
        path, operator = self.some_path(), self.rng.choice(["=", "<>", "<", ">="])
        limit = "N", Decimal(self.rng.randrange(6))
        text = "size(%s) %s %s" % (self.say.path(path), operator, self.say.value(limit))
        return text, lambda item: compare(operator, size(look(item, path)), limit)

    def two_paths(self):
        one, other = self.some_path(), self.some_path()
        if one == other:
            return self.comparison()
        operator = self.rng.choice(["=", "<>", "<", ">="])
        text = "%s %s %s" % (self.say.path(one), operator, self.say.path(other))

        def holds(item):
            left, right = look(item, one), look(item, other)
            if right is MISSING:
                return operator == "<>"
            return compare(operator, left, right)
        return text, holds

    def make(self, depth=2):
        if depth and self.rng.random() < 0.5:
            kind = self.rng.choice(["AND", "OR", "NOT"])
            if kind == "NOT":
                text, holds = self.make(depth - 1)
                return "NOT (%s)" % text, lambda item: not holds(item)
            one, first = self.make(depth - 1)
            two, second = self.make(depth - 1)
            together = all if kind == "AND" else any
            return "(%s) %s (%s)" % (one, kind, two), lambda item: together((first(item), second(item)))
        return self.rng.choice([self.comparison, self.comparison, self.between, self.within, self.existence, self.type_,
                                self.beginning, self.containing, self.sized, self.two_paths])()


class Refused(Exception):
    """The reference's ValidationException."""


def add(a, b):
    """Exact, or refused."""
    result = EXACT.add(a, b)
    if len(result.normalize(EXACT).as_tuple().digits) > DIGITS_MAX:
        raise Refused
    return result


class Updates:
    """Makes (text, function from the item as it was to the item as it will be) pairs over top-level attributes and one
    level below, which attributes of an index key do not have."""

    def __init__(self, rng, placeholders, names, scalars, some_value):
        self.rng, self.say, self.names, self.scalars, self.some_value = rng, placeholders, list(names), scalars, some_value

    def take(self):
        """A name that no other action has: paths must not overlap."""
        return self.names.pop(self.rng.randrange(len(self.names)))

    def set_(self):
        name = self.take()
        path, form = (name,), self.rng.randrange(5)
        value = self.some_value(path)
        said = self.say.path(path)
        if form == 0:
            other = self.rng.choice(self.names) if self.names else name

            def copy(old, new):
                found = look(old, (other,))
                if found is MISSING:
                    raise Refused
                new[name] = found
            return "%s = %s" % (said, self.say.path((other,))), copy
        if form == 1:
            return ("%s = if_not_exists(%s, %s)" % (said, said, self.say.value(value)),
                    lambda old, new: new.__setitem__(name, old.get(name, value)))
        if form == 2:
            amount = "N", Decimal(self.rng.randrange(-50, 50)) / 10
            operator = self.rng.choice("+-")

            def count(old, new):
                found = old.get(name)
                if found is MISSING or found[0] != "N":
                    raise Refused
                new[name] = "N", add(found[1], amount[1] if operator == "+" else -amount[1])
            return "%s = %s %s %s" % (said, said, operator, self.say.value(amount)), count
        if form == 3:
            more, base = ("L", [self.some_value(path)]), ("L", [])
            first = self.rng.random() < 0.5
            known = "if_not_exists(%s, %s)" % (said, self.say.value(base))
            operands = [known, self.say.value(more)] if first else [self.say.value(more), known]

            def append(old, new):
                found = old.get(name, base)
                if found[0] != "L":
                    raise Refused
                new[name] = "L", found[1] + more[1] if first else more[1] + found[1]
            return "%s = list_append(%s)" % (said, ", ".join(operands)), append
        return "%s = %s" % (said, self.say.value(value)), lambda old, new: new.__setitem__(name, value)

    def set_below(self):
        name = self.take()
        if name in self.scalars:
            self.names.append(name)
            return self.set_()
        step = self.rng.choice(["k", "z", 0, 1, 7])
        value = self.some_value((name,))

        def store(old, new):
            kind, data = old.get(name, ("", None))
            if kind == "M" and isinstance(step, str):
                new[name] = "M", {**data, step: value}
            elif kind == "L" and isinstance(step, int):
                new[name] = "L", data[:step] + [value] + data[step + 1:]
            else:
                raise Refused
        return "%s = %s" % (self.say.path((name, step)), self.say.value(value)), store

    def remove(self):
        name = self.take()
        if self.rng.random() < 0.3 and name not in self.scalars:
            step = self.rng.choice(["k", 0, 1])

            def cut(old, new):
                kind, data = old.get(name, ("", None))
                if kind == "M" and isinstance(step, str):
                    new[name] = "M", {k: v for k, v in data.items() if k != step}
                elif kind == "L" and isinstance(step, int):
                    new[name] = "L", data[:step] + data[step + 1:]
                else:
                    raise Refused
            return self.say.path((name, step)), cut
        return self.say.path((name,)), lambda old, new: new.pop(name, None)

    def add(self):
        name = self.take()
        operand = self.operand("N", *SETS)

        def grow(old, new):
            found = old.get(name)
            if found is MISSING:
                new[name] = operand
            elif found[0] != operand[0]:
                raise Refused
            elif operand[0] == "N":
                new[name] = "N", add(found[1], operand[1])
            else:
                new[name] = operand[0], found[1] | operand[1]
        return "%s %s" % (self.say.path((name,)), self.say.value(operand)), grow

    def delete(self):
        name = self.take()
        operand = self.operand(*SETS)

        def shrink(old, new):
            found = old.get(name)
            if found is MISSING:
                return
            if found[0] != operand[0]:
                raise Refused
            left = found[1] - operand[1]
            if left:
                new[name] = found[0], left
            else:
                new.pop(name)
        return "%s %s" % (self.say.path((name,)), self.say.value(operand)), shrink

    def operand(self, *kinds):
        for _ in range(40):
            value = self.some_value(())
            if value[0] in kinds:
                return value
        return "SS", frozenset(["x"])

    def make(self):
        clauses, actions, creates = {}, [], False
        for _ in range(self.rng.randrange(1, 4)):
            if not self.names:
                break
            kind, act = self.rng.choice([("SET", self.set_), ("SET", self.set_), ("SET", self.set_below),
                                         ("REMOVE", self.remove), ("ADD", self.add), ("DELETE", self.delete)])
            text, action = act()
            clauses.setdefault(kind, []).append(text)
            actions.append(action)
            creates = creates or kind in ("SET", "ADD")
        order_ = list(clauses)
        self.rng.shuffle(order_)

        def apply(item):
            new = dict(item)
            for action in actions:
                action(item, new)
            return new
        return " ".join("%s %s" % (kind, ", ".join(clauses[kind])) for kind in order_), apply, creates
