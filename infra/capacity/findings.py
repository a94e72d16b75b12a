"""Where the guide contradicts itself or the world, in figures, and what is done instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.assumptions import Assumptions
from infra.capacity.hardware import gpu_node
from infra.capacity.model import capacity_model
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.nodes import pipeline_queries_per_hour
from infra.capacity.placement import pipelined_gain, shared_split
from infra.capacity.rounding import Rounding
from infra.capacity.shapes import DEEPSEEK_1_5B
from infra.language import Text

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One error of the guide, v3.0 of 2025-08-21.

    Attributes:
        code: G01 to G10.
        guide: What it states.
        computed: What comes out, and by how much it differs.
        action: What qinfra does.
    """

    code: str
    section: str
    title: Text
    guide: Text
    computed: Text
    action: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingPrices:
    """Unit prices that a finding compares with, in USD an hour; None is unpriced."""

    g4dn_on_demand: Decimal | None
    g4dn_reserved_1y_no: Decimal | None
    n1_on_demand: Decimal | None


_HOURS = 730


def guide_findings(prices: FindingPrices) -> tuple[Finding, ...]:
    """Return the ten, with the guide's own network and assumptions: it is the guide they judge."""
    return (*_about_load(), *_about_phases(), _about_prices(prices), *_about_models())


def _about_load() -> tuple[Finding, ...]:
    assumptions = Assumptions()
    model = capacity_model(GUIDE_NETWORK, assumptions, Rounding.EXACT)
    wanted = model.demand
    earns = 0.005 * 0.05 * assumptions.days_per_month  # freemium's price and conversion, §5.2
    printed = wanted.users * wanted.queries_per_day * earns
    right = wanted.users * assumptions.queries_per_user_per_day * earns
    nodes = " / ".join(str(case.nodes) for case in model.adoption)
    return (
        Finding(
            code="G01",
            section="§5.2",
            title=Text(en="The return counts users twice", zh_tw="投資回報重複計算使用者"),
            guide=Text(
                en="revenue = users x queries of all users a day: "
                f"{printed:,.0f} USD a month for the mvp",
                zh_tw=f"營收 = 使用者 × 全體每日查詢數：MVP 每月 {printed:,.0f} USD",
            ),
            computed=Text(
                en=f"users x 4 queries each: {right:,.0f} USD a month, against a cost of 1,227",
                zh_tw=f"使用者 × 每人 4 次查詢：每月 {right:,.0f} USD，成本為 1,227 USD",
            ),
            action=Text(
                en="`qinfra roi` shows both; only the second is used.",
                zh_tw="`qinfra roi` 兩者並列，僅採用後者。",
            ),
        ),
        Finding(
            code="G02",
            section="§2.5",
            title=Text(en="The adoption table is not the formula's", zh_tw="採用率表與公式不符"),
            guide=Text(en="3 / 8 / 15 / 30 nodes", zh_tw="3 / 8 / 15 / 30 個節點"),
            computed=Text(
                en=f"{nodes} nodes by the formula of §2.4",
                zh_tw=f"依 §2.4 公式為 {nodes} 個節點",
            ),
            action=Text(en="The formula's nodes are shown.", zh_tw="顯示公式的節點數。"),
        ),
    )


def _about_phases() -> tuple[Finding, ...]:
    assumptions = Assumptions()
    node = gpu_node(assumptions)
    twelve = 12 * pipeline_queries_per_hour(node.queries_per_hour, assumptions)
    return (
        Finding(
            code="G03",
            section="§5.1",
            title=Text(en="Enterprise's peak is full load", zh_tw="企業階段尖峰等於滿載"),
            guide=Text(
                en="50,000 queries an hour on 12 transformer nodes, p99 < 3 s",
                zh_tw="12 個 Transformer 節點每小時 50,000 次查詢，p99 < 3 秒",
            ),
            computed=Text(
                en=f"12 pipelines answer {twelve:,.0f} an hour: {50_000 / twelve:.1%} busy",
                zh_tw=f"12 條管線每小時可答 {twelve:,.0f} 次：使用率 {50_000 / twelve:.1%}",
            ),
            action=Text(
                en="The phase is sized for the peak it begins with; autoscaling goes further.",
                zh_tw="依階段起始的尖峰配置，之後由自動擴縮容增加。",
            ),
        ),
        Finding(
            code="G04",
            section="§3.2, §5.1",
            title=Text(en="Response targets undercut the stages", zh_tw="回應目標短於各級所需時間"),
            guide=Text(
                en="2-3 s on the embedding node and 4-6 s on the transformer node, yet < 5 s "
                "and < 3 s in all",
                zh_tw="嵌入節點 2–3 秒、Transformer 節點 4–6 秒，總目標卻為 < 5 秒與 < 3 秒",
            ),
            computed=Text(
                en=f"{2 + 4} to {3 + 6} s before any queue",
                zh_tw=f"不計排隊即需 {2 + 4} 至 {3 + 6} 秒",
            ),
            action=Text(
                en="`qinfra capacity` says for each phase whether its target holds.",
                zh_tw="`qinfra capacity` 逐階段說明目標能否達成。",
            ),
        ),
        Finding(
            code="G05",
            section="§5.1",
            title=Text(en="Roles do not add up to the headings", zh_tw="各角色總和與標題不符"),
            guide=Text(
                en="production 12-15 nodes, enterprise 25-35",
                zh_tw="生產階段 12–15 個節點，企業階段 25–35 個",
            ),
            computed=Text(
                en=f"the roles add to {2 + 4 + 4 + 2 + 1}-{2 + 5 + 5 + 2 + 1} and "
                f"{3 + 8 + 8 + 4 + 2 + 2}-{3 + 12 + 12 + 4 + 2 + 2}",
                zh_tw=f"各角色相加為 {2 + 4 + 4 + 2 + 1}–{2 + 5 + 5 + 2 + 1} 與 "
                f"{3 + 8 + 8 + 4 + 2 + 2}–{3 + 12 + 12 + 4 + 2 + 2}",
            ),
            action=Text(en="Nodes are counted by role.", zh_tw="以角色計算節點數。"),
        ),
    )


def _about_prices(prices: FindingPrices) -> Finding:
    six = _money(prices.g4dn_on_demand, 6 * _HOURS)
    year = _money(prices.g4dn_reserved_1y_no, _HOURS)
    n1 = _money(prices.n1_on_demand, _HOURS)
    return Finding(
        code="G06",
        section="§4.1, §5.1",
        title=Text(en="Prices are below the lists", zh_tw="價格低於牌價"),
        guide=Text(
            en="six nodes on demand 1,890-2,268 USD a month; a node reserved for a year 186-223; "
            "an n1-standard-4 120",
            zh_tw="六節點隨需每月 1,890–2,268 USD；一年預留每節點 186–223；n1-standard-4 為 120",
        ),
        computed=Text(
            en=f"{six}; {year} with nothing upfront; {n1} before the sustained-use discount; and "
            "no disks, balancers, addresses or traffic are in the guide's figures",
            zh_tw=f"{six}；無預付 {year}；持續使用折扣前 {n1}；"
            "且指南未含磁碟、負載平衡、位址與流量",
        ),
        action=Text(
            en="`qinfra cost` prices every resource with its source and date.",
            zh_tw="`qinfra cost` 為每項資源標價，並註明來源與日期。",
        ),
    )


def _money(hourly: Decimal | None, hours: int) -> str:
    return "unpriced" if hourly is None else f"{hourly * hours:,.2f}"


def _about_models() -> tuple[Finding, ...]:
    shape = DEEPSEEK_1_5B
    (pinned,) = shared_split(shape, Assumptions().embedding_share)
    gains = [pipelined_gain(shape, (cut,)) for cut in (pinned, 16, 17)]
    return (
        Finding(
            code="G07",
            section="§2.4, §4.1",
            title=Text(en="A fixed 30/70 split wastes a pipeline", zh_tw="固定 30/70 切分浪費管線"),
            guide=Text(
                en="30 % of the work on the embedding node, 70 % on the transformer node",
                zh_tw="嵌入節點 30 % 工作量，Transformer 節點 70 %",
            ),
            computed=Text(
                en=f"{shape.id}: {gains[0]:.2f} x one node at {pinned}/{shape.layers - pinned}, "
                f"{max(gains[1:]):.2f} x at 17/11 or 16/12, as the LM head counts as layers",
                zh_tw=f"{shape.id}：{pinned}/{shape.layers - pinned} 時為單節點 {gains[0]:.2f} 倍，"
                f"17/11 或 16/12 時為 {max(gains[1:]):.2f} 倍，因輸出層也算作數層",
            ),
            action=Text(
                en="Deployments balance the split; `--split` pins another.",
                zh_tw="部署時自動平衡切分；可用 `--split` 指定。",
            ),
        ),
        Finding(
            code="G08",
            section="§3.1",
            title=Text(
                en="Layers 1-8 and 9-16 are another model", zh_tw="第 1–8 與 9–16 層屬另一模型"
            ),
            guide=Text(en="16 layers, 3.5 GB", zh_tw="16 層，3.5 GB"),
            computed=Text(
                en=f"the model of that size has {shape.layers} layers "
                f"({shape.parameters * 2 / 1e9:.2f} GB in 16 bits)",
                zh_tw=f"該大小的模型有 {shape.layers} 層"
                f"（16 位元為 {shape.parameters * 2 / 1e9:.2f} GB）",
            ),
            action=Text(en="Layers are read from the model itself.", zh_tw="層數由模型本身讀取。"),
        ),
        Finding(
            code="G09",
            section="§2.3, §3.2",
            title=Text(en="A T4 has no bfloat16", zh_tw="T4 不支援 bfloat16"),
            guide=Text(en="T4 without a word on number formats", zh_tw="採用 T4，未提數值格式"),
            computed=Text(
                en="the checkpoint is bfloat16; Qwen2 models may overflow in float16",
                zh_tw="檢查點為 bfloat16；Qwen2 模型在 float16 可能溢位",
            ),
            action=Text(
                en="The format is chosen by [model] dtype: float32 unless asked otherwise.",
                zh_tw="格式由 [model] dtype 決定，預設 float32。",
            ),
        ),
        Finding(
            code="G10",
            section="§4.3",
            title=Text(en="gzip does not save 60 %", zh_tw="gzip 省不了 60 %"),
            guide=Text(en="gzip between nodes saves 60 %", zh_tw="節點間 gzip 節省 60 %"),
            computed=Text(
                en="17-19 % were measured on bfloat16 activations, for more time than a LAN saves",
                zh_tw="對 bfloat16 激活值實測僅 17–19 %，且耗時多於區域網路所省",
            ),
            action=Text(en="Links are not compressed.", zh_tw="連線不壓縮。"),
        ),
    )
