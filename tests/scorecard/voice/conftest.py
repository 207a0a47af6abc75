"""Comments of known topics, in two languages."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

WORDS = {
    "en": {
        "delivery": "parcel courier tracking delivery shipping late damaged warehouse",
        "billing": "invoice charged refund payment card amount fee",
        "app": "app login password crashes screen update error",
        "service": "agent hotline rude support waiting call",
    },
    "zh": {
        "delivery": "快递 物流 包裹 发货 配送 破损 延误",
        "billing": "退款 扣费 发票 账单 支付 金额",
        "app": "登录 密码 闪退 更新 验证码 页面",
        "service": "客服 热线 态度 排队 投诉 敷衍",
    },
}


@pytest.fixture(scope="session")
def comments() -> Callable[..., tuple[list[str], list[int]]]:
    """Draw comments: three to five words of one topic, and now and then one of another."""

    def draw(language: str, size: int, seed: int = 0) -> tuple[list[str], list[int]]:
        generator = np.random.default_rng(seed)
        topics = [words.split() for words in WORDS[language].values()]
        texts, truth = [], []
        for _ in range(size):
            topic = int(generator.choice(4, p=[0.4, 0.3, 0.2, 0.1]))
            own = list(generator.choice(topics[topic], generator.integers(3, 6), replace=False))
            if generator.random() < 0.2:
                own.append(str(generator.choice(topics[generator.integers(4)])))
            texts.append(("的" if language == "zh" else " and the ").join(own))
            truth.append(topic)
        return texts, truth

    return draw
