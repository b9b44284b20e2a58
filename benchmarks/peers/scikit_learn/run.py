"""scikit-learn: what a user would try first.

Variants: one TF-IDF of the whole text, or one a field with characters of the title.
"""

from __future__ import annotations

from harness import Fitted, Inputs, PreparedData, main
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits


def fit(task: PreparedData) -> Fitted:
    """TF-IDF, then one logistic regression a label with C = 10.

    Of words alone: bigrams made it worse on validation products.
    """
    words = {"sublinear_tf": True}
    letters = {"analyzer": "char_wb", "ngram_range": (2, 4), "sublinear_tf": True, "min_df": 2}
    views = {
        "joined": [(lambda inputs: inputs.texts, words)],
        "fields": [
            (lambda inputs: inputs.titles, words),
            (lambda inputs: inputs.descriptions, words),
            (lambda inputs: inputs.titles, letters),
        ],
    }[task.variant]
    # a catalogue of titles alone has nothing to learn from descriptions
    known = [(view, settings) for view, settings in views if any(view(task.train.inputs))]
    fitted = [
        (view, TfidfVectorizer(**settings).fit(view(task.train.inputs))) for view, settings in known
    ]

    def features(inputs: Inputs) -> csr_matrix:
        return hstack([vectorizer.transform(view(inputs)) for view, vectorizer in fitted]).tocsr()

    classifier = OneVsRestClassifier(LogisticRegression(C=10, max_iter=1000))
    train = features(task.train.inputs)
    with threadpool_limits(
        1
    ):  # the problems are so small that threads wait for each other most of the time
        classifier.fit(train, task.train.targets)
    return Fitted(lambda inputs: classifier.predict_proba(features(inputs)))


if __name__ == "__main__":
    main(fit, "scikit-learn")
