"""The commands that a formula in an exported document may hold: nothing else is taken over from a text.

All of them are in LaTeX itself, amsmath or amssymb, or are written here in terms of those.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Commands without an argument.
SYMBOLS = _names(
    """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu nu
    xi pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda
    Xi Pi Sigma Upsilon Phi Psi Omega digamma varGamma varDelta varTheta varLambda varXi varPi varSigma
    varPhi varPsi varOmega aleph beth gimel ell hbar hslash imath jmath wp Re Im partial nabla infty
    emptyset varnothing forall exists nexists neg lnot top bot angle measuredangle sphericalangle
    triangle triangledown square Box Diamond blacksquare lozenge bigstar clubsuit diamondsuit heartsuit
    spadesuit flat natural sharp prime backprime surd dagger ddagger checkmark complement pm mp times
    div cdot ast star circ bullet cap cup uplus sqcap sqcup vee lor wedge land setminus smallsetminus wr
    diamond bigtriangleup bigtriangledown triangleleft triangleright oplus ominus otimes oslash odot
    bigcirc amalg ltimes rtimes boxplus boxminus boxtimes boxdot barwedge veebar dotplus intercal leq le
    geq ge leqslant geqslant leqq geqq ll gg lll ggg neq ne equiv sim simeq approx approxeq cong doteq
    doteqdot propto prec succ preceq succeq preccurlyeq succcurlyeq lesssim gtrsim lessgtr gtrless
    lesseqgtr gtreqless asymp bowtie models perp mid parallel nmid nparallel nleq ngeq nless ngtr nsim
    ncong nsubseteq nsupseteq subset supset subseteq supseteq subsetneq supsetneq subseteqq supseteqq
    sqsubset sqsupset sqsubseteq sqsupseteq in ni notin owns vdash dashv Vdash vDash nvdash nvDash frown
    smile triangleq circeq bumpeq eqcirc backsim thicksim thickapprox vartriangle vartriangleleft
    vartriangleright trianglelefteq trianglerighteq pitchfork between therefore because leftarrow gets
    rightarrow to leftrightarrow Leftarrow Rightarrow Leftrightarrow longleftarrow longrightarrow
    longleftrightarrow Longleftarrow Longrightarrow Longleftrightarrow iff implies impliedby mapsto
    longmapsto hookleftarrow hookrightarrow leftharpoonup leftharpoondown rightharpoonup
    rightharpoondown rightleftharpoons uparrow downarrow updownarrow Uparrow Downarrow Updownarrow
    nearrow searrow swarrow nwarrow leadsto rightrightarrows leftleftarrows rightleftarrows
    twoheadrightarrow rightarrowtail dashrightarrow curvearrowright circlearrowleft circlearrowright
    nleftarrow nrightarrow nLeftarrow nRightarrow nLeftrightarrow upharpoonright ldots cdots vdots ddots
    dots dotsc dotsb dotsm dotsi dotso ldotp cdotp colon quad qquad enspace thinspace medspace
    thickspace negthinspace displaystyle textstyle scriptstyle scriptscriptstyle arccos arcsin arctan
    arg cos cosh cot coth csc deg dim exp hom ker lg ln log sec sin sinh tan tanh bmod langle rangle
    lvert rvert lVert rVert vert Vert lfloor rfloor lceil rceil lbrace rbrace lbrack rbrack backslash
    lgroup rgroup lmoustache rmoustache ulcorner urcorner llcorner lrcorner rm bf it sf tt
    """
)
# Commands that take limits: ``\limits`` may follow them.
OPERATORS = _names(
    """
    sum prod coprod int iint iiint iiiint idotsint oint bigcap bigcup bigsqcup bigvee bigwedge bigoplus
    bigotimes bigodot biguplus det gcd inf lim liminf limsup max min Pr sup injlim projlim varlimsup
    varliminf
    """
)
# Commands with one formula, or two, as their arguments.
# Several of them set their argument four times over, so they may stand within one another only so deep.
ONE = _names(
    """
    overline underline widehat widetilde overrightarrow overleftarrow overleftrightarrow underrightarrow
    underleftarrow overbrace underbrace hat check breve acute grave tilde bar vec dot ddot dddot
    mathring mathbb mathbf mathcal mathrm mathit mathsf mathtt mathfrak mathnormal boldsymbol pmb boxed
    pmod pod mod xrightarrow xleftarrow mathop mathbin mathrel mathord mathopen mathclose mathpunct mathinner
    phantom hphantom vphantom operatorname
    """
)
TWO = _names(
    """
    frac dfrac tfrac cfrac binom dbinom tbinom overset underset stackrel
    """
)
# Commands whose argument is text.
TEXT = {
    **dict.fromkeys(("text", "mbox", "hbox", "textrm", "textnormal", "textup"), "text"),
    **{name: name for name in ("textbf", "textit", "texttt", "textsf", "textsc")},
}
SIZES = _names(
    """
    big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr biggr Biggr bigm Bigm biggm Biggm
    """
)
INFIX = frozenset(("over", "choose", "atop"))
# What browsers know and LaTeX does not, or what only another package brings.
WRITTEN = {
    **{sign: rf"\{sign}" for sign in ",;:! {}|#%&$_"},
    ">": r"\:",
    "\n": r"\ ",
    **dict.fromkeys("-/", ""),
    "lt": "<",
    "gt": ">",
    "R": r"\mathbb{R}",
    "N": r"\mathbb{N}",
    "Z": r"\mathbb{Z}",
    "Q": r"\mathbb{Q}",
    "C": r"\mathbb{C}",
    "degree": r"{^{\circ}}",
    "argmax": r"\operatorname*{arg\,max}",
    "argmin": r"\operatorname*{arg\,min}",
    "lcm": r"\operatorname{lcm}",
    "sgn": r"\operatorname{sgn}",
    "tr": r"\operatorname{tr}",
    "rank": r"\operatorname{rank}",
    "colonequals": ":=",
    "coloneqq": ":=",
    "qed": r"\blacksquare ",
    "nonumber": "",
    "notag": "",
    "hline": "",
    "displaylimits": "",
}
RENAMED = {"bm": "boldsymbol", "mathscr": "mathcal", "Bbb": "mathbb", "bold": "mathbf", "widebar": "overline"}
DROPPED = frozenset(("label", "color", "hspace", "vspace"))  # with an argument that is dropped too
_MATRICES = _names("matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix")
# Environments: what stands for them within a formula, and the most columns (None: any number).
ENVIRONMENTS: dict[str, tuple[str, int | None]] = {
    **dict.fromkeys(("align", "aligned", "alignat", "split", "eqnarray"), ("aligned", None)),
    **dict.fromkeys(("gather", "gathered", "multline", "equation"), ("gathered", 1)),
    "cases": ("cases", 2),
    "dcases": ("cases", 2),
    "array": ("array", 30),
    **{name: (name, 30) for name in _MATRICES},
}
_FENCES = _names(
    """
    langle rangle lvert rvert lVert rVert vert Vert lfloor rfloor lceil rceil lbrace rbrace lbrack rbrack
    uparrow downarrow Uparrow Downarrow backslash lgroup rgroup
    """
)
DELIMITERS = {
    **{char: char for char in "()[]|./"},
    "<": r"\langle ",
    ">": r"\rangle ",
    r"\{": r"\{",
    r"\}": r"\}",
    r"\|": r"\|",
    **{rf"\{name}": rf"\{name} " for name in _FENCES},
}
