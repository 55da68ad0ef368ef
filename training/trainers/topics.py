"""Topics of passages, so that a batch can hold rows that are hard to tell apart (Hofstätter et al. 2021).

Words decide, not a model: it takes seconds, and the same passages have the same topics wherever they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retriever.lexical import tokenize

SIZE = 24  # passages of a topic, on average
_DIMENSIONS = 64


def topics_of(texts: Sequence[str], seed: int = 0) -> npt.NDArray[np.int64]:
    """The topic of each text, counted from 0; texts of the same words mostly have the same.

    Words of one text alone, or of a fifth of all, tell nothing; where there are no others, all is one topic.
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    count, one = len(texts) // SIZE, np.zeros(len(texts), dtype=np.int64)
    if count < 2:
        return one
    telling = TfidfVectorizer(analyzer=tokenize, sublinear_tf=True, min_df=2, max_df=0.2)
    try:
        words = telling.fit_transform(texts)
    except ValueError:  # no word is left
        return one
    dimensions = min(_DIMENSIONS, words.shape[1] - 1)
    vectors = normalize(TruncatedSVD(dimensions, random_state=seed).fit_transform(words))
    found = MiniBatchKMeans(count, random_state=seed, n_init=3).fit_predict(vectors)
    return np.asarray(found, dtype=np.int64)
