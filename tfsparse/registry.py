"""Named things with options: `"snip(batches=4)"` in code and in flags alike.

A table is a plain dict from name to function or class; the options of an entry are its keyword-only arguments.
"""

import ast
import difflib
import inspect


def parse(text):
    """Splits `"name(option=value, ...)"` into the name and a dict of options.

    Values are Python literals: numbers, strings, tuples, True, False, None. Nothing is evaluated.

    >>> parse("snip(batches=4)")
    ('snip', {'batches': 4})
    >>> parse("erk")
    ('erk', {})

    Raises:
        ValueError: if `text` is not of that form, or an option is given twice.
    """
    text = str(text)
    if text.strip().isidentifier():  # also Python's reserved words, such as 'global'
        return text.strip(), {}
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.args:
            names = [word.arg for word in tree.keywords]
            if len(set(names)) == len(names) and None not in names:  # None: of **{...}
                return tree.func.id, {word.arg: ast.literal_eval(word.value) for word in tree.keywords}
    except (SyntaxError, ValueError, TypeError, AttributeError):
        pass  # the error below covers every kind of malformed text
    raise ValueError(
        f"Cannot read {text!r}: expected a name or a call with literal options, each once, such as 'snip(batches=4)'."
    )


def parse_list(text):
    """Splits a comma-separated list of named things, each as `parse` reads it.

    >>> parse_list("ghost_skips(share=0.25),label_smoothing")
    ['ghost_skips(share=0.25)', 'label_smoothing']

    Raises:
        ValueError: `text` is not a string, or not of that form.
    """
    if not isinstance(text, str):
        raise ValueError(f"Expected one text with names separated by commas, such as 'a(x=1),b'; received {text!r}.")
    try:
        body = ast.parse(f"[{text.strip()}]", mode="eval").body
    except (SyntaxError, ValueError):
        raise ValueError(f"Cannot read {text!r}: expected names separated by commas, such as 'a(x=1),b'.") from None
    return [ast.unparse(item) for item in body.elts]


def lookup(table, name, kind):
    """Returns `table[name]`.

    >>> lookup({"snip": 1, "synflow": 2}, "snap", "mask method")
    Traceback (most recent call last):
    ...
    ValueError: Unknown mask method 'snap'. Did you mean 'snip'? Known: snip, synflow.
    """
    if isinstance(name, str) and name in table:
        return table[name]
    raise ValueError(f"Unknown {kind} {name!r}.{_hint(str(name), table)} Known: {', '.join(sorted(table))}.")


def resolve(table, text, kind, *, further=None, common=()):
    """Finds what `text` names in `table`; returns the entry and its options, both checked.

    Args:
        table: dict from name to function or class.
        text: for example `"snip(batches=4)"`.
        kind: what the table holds, for the error messages.
        further: dict of options given beside the text.
        common: dict of options, with their defaults, that every entry takes beside its own.

    Returns:
        (entry, dict of options).

    Raises:
        ValueError: an unknown name (lists the names, and the nearest) or option (lists the options), or an option given twice.

    >>> resolve({"tiny_imagenet": None}, "tiny-imagenet", "data set")
    Traceback (most recent call last):
    ...
    ValueError: Unknown data set 'tiny-imagenet'. Did you mean 'tiny_imagenet'? Known: tiny_imagenet.
    """
    try:
        name, given = parse(text)
    except ValueError:
        # To Python 'tiny-imagenet' is not a name: the nearest known name helps more, and this raises with it.
        lookup(table, str(text).split("(")[0].strip(), kind)
        raise
    entry = lookup(table, name, kind)
    known = {**options(entry), **dict(common)}
    twice = sorted(given.keys() & (further or {}).keys())
    if twice:
        raise ValueError(f"Option {twice[0]!r} of {kind} {name!r} is given twice: in {text!r} and beside it.")
    given = {**given, **(further or {})}
    for word in given:
        if word not in known:
            takes = ", ".join(f"{key}={value!r}" for key, value in known.items()) or "no options"
            by_place = word in inspect.signature(entry).parameters
            hint = " Only keyword-only arguments are options: put *, before it." if by_place else _hint(word, known)
            raise ValueError(f"{kind.capitalize()} {name!r} has no option {word!r}.{hint} It takes: {takes}.")
    return entry, given


def options(entry):
    """The keyword-only arguments of a function or class that have a default, with these defaults.

    >>> def snip(model, task, *, batches=1): pass
    >>> options(snip)
    {'batches': 1}
    """
    parameters = inspect.signature(entry).parameters.values()
    return {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY and p.default is not p.empty}


def _hint(word, known):
    near = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
