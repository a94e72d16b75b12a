"""The report's words, in each language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.language import Language, Text

if TYPE_CHECKING:
    from collections.abc import Mapping


def words(language: Language) -> Mapping[str, str]:
    """Return every word of the report by its key."""
    return {key: text.in_(language) for key, text in _WORDS.items()}


def cost_item(item: str, language: Language) -> str:
    """Return what a line of the bill is called; names of machines and tiers stay as they are."""
    if language is Language.EN:
        return item
    if item in _ITEMS:
        return _ITEMS[item]
    head, _, tail = item.partition(", ")
    what, _, tenant = head.partition(" of ")
    role, _, kind = what.rpartition(" ")
    tail = _TAILS.get(tail, tail)
    if kind in _ROLE_KINDS and role in _ROLES:
        name = f"{_ROLES[role]}{_ROLE_KINDS[kind]}" + (f"（{tenant}）" if tenant else "")
    else:
        name = _ITEMS.get(head, head)
    return f"{name}，{tail}" if tail else name


def role_name(role: str, language: Language) -> str:
    """Return what a role is called."""
    return _ROLES[role] if language is Language.ZH_TW else role


def category_name(category: str, language: Language) -> str:
    """Return what a part of the bill is called."""
    return _CATEGORIES[category] if language is Language.ZH_TW else category


def unit_name(unit: str, language: Language) -> str:
    """Return what a quantity is counted in."""
    return _UNITS[unit] if language is Language.ZH_TW else unit


def guide_name(what: str, language: Language) -> str:
    """Return under which condition the guide names a cost."""
    return _GUIDE[what] if language is Language.ZH_TW else what


def input_name(key: str, language: Language) -> str:
    """Return what an assumption or a price of a plan is called."""
    return _INPUTS[key].in_(language)


def range_source(source: str, language: Language) -> str:
    """Return where a range is from."""
    return _RANGE_SOURCES.get(source, source) if language is Language.ZH_TW else source


def _both(en: str, zh_tw: str) -> Text:
    return Text(en=en, zh_tw=zh_tw)


_ROLES = {
    "orchestrator": "協調節點",
    "embedding": "嵌入節點",
    "transformer": "Transformer 節點",
    "worker": "工作節點",
    "oracle": "預言機節點",
    "monitoring": "監控節點",
    "cache": "快取節點",
}
_TAILS = {"on dedicated hardware": "專用硬體"}
_ROLE_KINDS = {"nodes": "", "disks": "磁碟"}
_ITEMS = {
    "cache nodes": "快取節點",
    "public IPv4 of the orchestrator": "協調節點的公用 IPv4",
    "public IPv4 addresses": "公用 IPv4 位址",
    "Cloud NAT": "Cloud NAT",
    "NAT gateways": "NAT 閘道",
    "NAT, data": "NAT 資料量",
    "internet egress": "網際網路輸出流量",
    "application load balancer": "應用程式負載平衡器",
    "load balancer capacity units": "負載平衡器容量單位",
    "firewall": "網頁防火牆",
    "firewall rules": "防火牆規則",
    "firewall requests": "防火牆請求",
    "PostgreSQL, two zones": "PostgreSQL（兩區）",
    "PostgreSQL storage, two zones": "PostgreSQL 儲存（兩區）",
    "PostgreSQL backups": "PostgreSQL 備份",
    "PostgreSQL backups to another region": "PostgreSQL 備份傳至其他區域",
    "PostgreSQL backups of another region": "其他區域的 PostgreSQL 備份",
    "artifacts to other regions": "成品複製至其他區域",
    "password of PostgreSQL": "PostgreSQL 密碼保管",
    "alarms": "警示",
    "between zones, both ways": "跨可用區（雙向）",
    "to other regions": "跨區域",
    "log ingestion": "日誌匯入",
    "artifacts bucket": "成品儲存桶",
    "encryption key": "加密金鑰",
    "CDN, data out": "CDN 輸出流量",
    "CDN, HTTPS requests": "CDN HTTPS 請求",
    "DNS zone and health checks": "DNS 區域與健康檢查",
    "support plan": "支援方案",
    "region with dedicated hardware": "使用專用硬體的區域",
}
_UNITS = {
    "hour": "小時",
    "month": "月",
    "GB": "GB",
    "GB-month": "GB·月",
    "million": "百萬次",
    "10k requests": "萬次請求",
}
_CATEGORIES = {
    "compute": "運算",
    "disk": "磁碟",
    "network": "網路",
    "edge": "邊緣",
    "data": "資料",
    "traffic": "流量",
    "operations": "維運",
}
_GUIDE = {
    "on demand": "隨需",
    "reserved, 1 year": "一年預留",
    "reserved, 3 years": "三年預留",
    "spot": "Spot",
    "cost in the ROI model": "投資回報模型中的成本",
    "enterprise support, beside it": "企業支援（另計）",
}
# Where the default ranges are from; a person's own are called by their file or flag.
_RANGE_SOURCES = {
    "guide v3.0 §2.5, first and last row of the table of adoption": "指南 v3.0 §2.5 採用率表",
    "guide v3.0 §2.5, first and last row of the table of inference times": (
        "指南 v3.0 §2.5 推理時間表"
    ),
    "assumed: half to twice the guide's four questions": "假設：指南四次之半至兩倍",
    "assumed: from an even day to a bursty one": "假設：由平緩至劇烈的一日",
    "assumed: half to one and a half times the plan's": "假設：方案值的 0.5 至 1.5 倍",
    "assumed: discounts, taxes and what has no price": "假設：折扣、稅與未定價項目",
}
_INPUTS: Mapping[str, Text] = {
    "adoption": _both("addresses that ask", "提問地址比例"),
    "queries_per_user_per_day": _both("questions per user and day", "每人每日提問"),
    "peak_multiplier": _both("busiest hour over average", "尖峰倍數"),
    "ticks_per_second": _both("ticks per second", "每秒 Tick"),
    "transactions_per_tick": _both("transactions per tick", "每 Tick 交易數"),
    "queries_per_transaction": _both("questions per transaction", "每筆交易提問"),
    "inference_seconds": _both("seconds per answer", "每個回答秒數"),
    "gpu_time_ratio": _both("time on a GPU over reference", "GPU 耗時比"),
    "parallel_queries": _both("answers at once per node", "節點並行數"),
    "efficiency": _both("efficiency", "效率"),
    "redundancy": _both("redundancy", "冗餘係數"),
    "growth": _both("room for growth", "成長空間"),
    "embedding_share": _both("work on embedding nodes", "嵌入節點工作比例"),
    "cpu_speed_ratio": _both("speed of the demo's CPUs", "演示 CPU 速度比"),
    "distribution_overhead": _both("two machines over one", "分散式耗時倍數"),
    "service_variability": _both("spread of service times (scv)", "服務時間變異（scv）"),
    "request_kib": _both("KiB per question", "每次提問 KiB"),
    "response_kib": _both("KiB per answer", "每次回答 KiB"),
    "activation_kib_per_query": _both("KiB of activations per query", "每次查詢激活值 KiB"),
    "cross_zone_share": _both("activations across zones", "跨可用區比例"),
    "cross_region_share": _both("activations across regions", "跨區域比例"),
    "log_kib_per_query": _both("KiB of logs per query", "每次查詢日誌 KiB"),
    "download_gib_per_node": _both("GiB downloaded per node", "每節點下載 GiB"),
    "spot_fallback_share": _both("spot hours on demand", "Spot 改隨需比例"),
    "days_per_month": _both("days of revenue per month", "每月營收天數"),
    "usd_per_query": _both("USD per paid query", "每次付費查詢 USD"),
    "conversion": _both("users who pay", "付費轉換率"),
    "usd_per_month": _both("monthly fee, USD", "月費 USD"),
    "cost_factor": _both("all prices times", "成本倍率"),
}
_WORDS: Mapping[str, Text] = {
    "title": _both("Capacity and cost of a Qubic AI fleet", "Qubic AI 運算層：容量與成本"),
    "made": _both("made", "產生於"),
    "by": _both("by qinfra", "qinfra 版本"),
    "contents": _both("Contents", "目錄"),
    # what a reader wants first
    "nodes": _both("nodes", "節點"),
    "monthly": _both("a month", "每月"),
    "cash_now": _both("cash now", "即付現金"),
    "peak_hour": _both("queries in the busiest hour", "尖峰每小時查詢"),
    "promise": _both("promise", "承諾"),
    "holds": _both("holds", "可達成"),
    "fails": _both("does not hold", "無法達成"),
    "unpriced": _both("unpriced", "未定價"),
    "lines_unpriced": _both("lines without a price", "項無價格"),
    # network and demand
    "network": _both("The network", "網路"),
    "source": _both("source", "來源"),
    "figure": _both("figure", "指標"),
    "value": _both("value", "數值"),
    "epoch": _both("epoch", "Epoch"),
    "tick": _both("tick", "Tick"),
    "ticks": _both("ticks in the epoch", "本 Epoch 的 Tick 數"),
    "empty": _both("of them empty", "其中空 Tick"),
    "quality": _both("tick quality", "Tick 品質"),
    "addresses": _both("active addresses", "活躍地址"),
    "supply": _both("circulating supply, QU", "流通量（QU）"),
    "burned": _both("burned, QU", "已銷毀（QU）"),
    "price": _both("price of a QU, USD", "QU 價格（USD）"),
    "market_cap": _both("market cap, USD", "市值（USD）"),
    "utilisation": _both("network utilisation", "網路利用率"),
    "demand": _both("Demand", "需求"),
    "demand_text": _both(
        "From active addresses to the busiest hour, by the guide's formulas.",
        "依指南公式，由活躍地址推得尖峰小時需求。",
    ),
    "users": _both("users", "使用者"),
    "queries_day": _both("queries a day", "每日查詢"),
    "queries_hour": _both("queries an hour", "每小時查詢"),
    "node_rate": _both(
        "A GPU node that does all the work of an answer gives {0:,.0f} an hour.",
        "獨力完成回答的 GPU 節點每小時可答 {0:,.0f} 次。",
    ),
    "times": _both("adoption {0:.1%}", "採用率 {0:.1%}"),
    "times_queries": _both("{0:g} a user", "每人 {0:g} 次"),
    "times_peak": _both("peak {0:g} x the average", "尖峰為平均的 {0:g} 倍"),
    "rounding": _both("rounded as the guide, step by step", "依指南逐步取整"),
    # phases and fleet
    "phases": _both("Phases", "階段"),
    "phase": _both("phase", "階段"),
    "capacity": _both("capacity an hour", "每小時容量"),
    "busy": _both("busy", "使用率"),
    "machines": _both("machines", "機型"),
    "fleet": _both("The fleet", "機群"),
    "fleet_text": _both(
        "{0} nodes for the phase {1}; an answer passes one embedding and one transformer node.",
        "{1} 階段共 {0} 個節點；每個回答依序經過一個嵌入節點與一個 Transformer 節點。",
    ),
    "zones": _both("zones: {0}", "可用區：{0}"),
    "scales": _both("scales {0} to {1}", "可擴縮 {0} 至 {1}"),
    "internet": _both("users, through the internet", "使用者（經網際網路）"),
    "services": _both("managed services", "代管服務"),
    "balancer": _both("load balancer", "負載平衡器"),
    "waf": _both("firewall", "網頁防火牆"),
    "database": _both("PostgreSQL", "PostgreSQL"),
    "cache": _both("Redis", "Redis"),
    "nat": _both("NAT", "NAT"),
    "cdn": _both("CDN", "CDN"),
    # response
    "response": _both("Response times", "回應時間"),
    "response_text": _both(
        "What the queueing model gives for each load, up to the load at which the queue never "
        "ends. The dashed line is the promise, the dotted one the phase's peak.",
        "等候模型在各負載下的結果，直至等候無止境為止。虛線為承諾，點線為該階段尖峰。",
    ),
    "seconds": _both("seconds", "秒"),
    "verdict_holds": _both(
        "{0} keeps {1} up to {2:,.0f} queries an hour.",
        "{0}：每小時 {2:,.0f} 次查詢以內可達成 {1}。",
    ),
    "verdict_floor": _both(
        "{0} cannot keep {1}: the work alone takes {2:.2f} s there, with any number of nodes.",
        "{0} 無法達成 {1}：僅運算即需 {2:.2f} 秒，增加節點亦無助益。",
    ),
    "verdict_queue": _both(
        "{0} keeps {1} only up to {2:,.0f} queries an hour; the {3} nodes are the bottleneck.",
        "{0} 僅在每小時 {2:,.0f} 次查詢以內達成 {1}；瓶頸在{3}。",
    ),
    "peak": _both("peak", "尖峰"),
    "no_end": _both("no end", "無止境"),
    # cost
    "cost": _both("Cost, line by line", "成本明細"),
    "cost_text": _both(
        "{0}, bought {1}. USD before tax, a month of 730 hours.",
        "{0} 階段，購買方式 {1}。單位 USD，未稅，每月以 730 小時計。",
    ),
    "category": _both("category", "類別"),
    "item": _both("item", "項目"),
    "region": _both("region", "區域"),
    "quantity": _both("quantity", "數量"),
    "unit": _both("unit", "單位"),
    "unit_price": _both("unit price", "單價"),
    "price_of": _both("price of", "價格日期"),
    "note": _both("note", "附註"),
    "total": _both("total", "合計"),
    "instances": _both("instances", "執行個體"),
    "other": _both("all else", "其他"),
    "purchase": _both("Ways of purchase", "購買方式"),
    "purchase_text": _both(
        "The same fleet bought in other ways; upfront cash is spread over its term. The thin line "
        "is the range of spot.",
        "同一機群的各種購買方式；預付金額按期攤提。細線為 Spot 的範圍。",
    ),
    "way": _both("purchase", "購買方式"),
    "then": _both("then a month", "之後每月"),
    "range": _both("range", "範圍"),
    "break_even": _both("break-even", "損益平衡"),
    "months": _both("months", "個月"),
    "guide": _both("guide", "指南"),
    "difference": _both("instances against the guide", "執行個體與指南之差"),
    "usd_month": _both("USD a month", "每月 USD"),
    "inside": _both("inside", "範圍內"),
    "unpriced_note": _both(
        "{0} of {1} lines have no price in the catalogue; they are not in the total.",
        "{1} 項中有 {0} 項查無價格，未計入合計。",
    ),
    "borrowed_note": _both("{0} lines are priced as in {1}.", "{0} 項沿用 {1} 的價格。"),
    "cash_note": _both(
        "{0:,.2f} USD to pay at once, then {1:,.2f} a month; the total spreads it over the term.",
        "需即付 {0:,.2f} USD，之後每月 {1:,.2f}；合計已按期攤提。",
    ),
    # return
    "roi": _both("Return", "投資回報"),
    "roi_text": _both(
        "The guide's scenarios. “As printed” counts the users twice (G01); all else does not.",
        "指南的三種情境。「照指南」重複計算使用者（G01），其餘各欄已修正。",
    ),
    "adoption": _both("adoption", "採用率"),
    "plan": _both("plan", "方案"),
    "cost_word": _both("cost", "成本"),
    "printed": _both("revenue as printed", "營收（照指南）"),
    "revenue": _both("revenue", "營收"),
    "profit": _both("profit", "利潤"),
    "payback": _both("payback", "回收期"),
    "never": _both("never", "無法回收"),
    "break_even_adoption": _both("break-even adoption", "損益平衡採用率"),
    "none": _both("none", "無"),
    # sensitivity
    "sensitivity": _both("Sensitivity", "敏感度"),
    "tornado_text": _both(
        "Monthly profit of {0} when one input goes to the low or the high end of its range.",
        "{0}：單一輸入降至下限或升至上限時的每月利潤。",
    ),
    "at_low": _both("at the low end", "下限時"),
    "at_high": _both("at the high end", "上限時"),
    "input": _both("input", "輸入"),
    "monte_carlo_text": _both(
        "{0:,} random scenarios over these ranges (seed {1}), with a fleet of the size each needs: "
        "{2:.1%} earn more than they cost.",
        "在上述範圍內隨機抽樣 {0:,} 種情境（種子 {1}），各情境依需求配置機群：{2:.1%} 獲利。",
    ),
    "carried": _both(
        " The fleet of {0} with its {1} nodes, as it is, carries the peak in {2:.1%} of them.",
        "{0} 的 {1} 節點機群不作調整時，可承載其中 {2:.1%} 的尖峰。",
    ),
    "profit_month": _both("profit, USD a month", "每月利潤 USD"),
    "profit_low": _both("profit at the low end", "下限時利潤"),
    "profit_high": _both("at the high end", "上限時利潤"),
    "payback_months": _both("payback, months", "回收期（月）"),
    "mean": _both("mean", "平均"),
    # the end
    "findings": _both("Where the guide is wrong", "指南的錯誤"),
    "findings_text": _both(
        "Guide v3.0 of 2025-08-21; each with the figures its own formulas give.",
        "指南 v3.0（2025-08-21）；附依其公式算得的數值。",
    ),
    "says": _both("the guide", "指南"),
    "computed": _both("computed", "計算"),
    "does": _both("qinfra", "qinfra"),
    "assumptions": _both("Assumptions", "假設"),
    "assumptions_text": _both(
        "Every number taken on trust, and what it was changed from.",
        "所有假設值，以及變更前的預設。",
    ),
    "instead_of": _both("instead of", "原為"),
    "sources": _both("Sources", "來源"),
    "sources_text": _both(
        "List prices before tax, each from a dated source; what has none is unpriced and not in "
        "any total.",
        "皆為未稅牌價，各附日期與來源；查無價格者標為未定價，不計入合計。",
    ),
    "limits": _both(
        "A forecast to compare fleets with, not a guarantee: the guide's inference time and "
        "factors are its own, not measurements.",
        "此為比較機群用的預估，並非保證：推理時間與各係數取自指南，並非實測。",
    ),
}
