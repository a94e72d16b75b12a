"""What people ask the demo model and what it answers, as plain data.

A question pattern holds alternatives in square brackets: ``[What is|Show me] the epoch``. An answer
is a format string over the field names of ``corpus.rendered_figures``. Answers promise nothing that
the prompt does not hold: no forecast, no sentiment, only the figures of the moment.
"""

from collections.abc import Mapping
from typing import Final

ASK_EN: Final = (
    "[What is|What's|Tell me|Show me|Give me|Please tell me|Can you tell me|I want to know]"
)
ASK_ZH: Final = "[|請問|請告訴我|告訴我|我想知道|可以告訴我|幫我查一下]"

# family -> language -> patterns used for training
QUESTIONS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "health": {
        "en": (
            "What is [Qubic network's|the Qubic network's|the network's] current health status?",
            "[How is|How's] the [Qubic network|network|Qubic] [doing|today|right now|doing today]?",
            "[How healthy is|Is] [the Qubic network|the network|Qubic] [healthy|right now|now]?",
            "[Report|Describe|Summarize|Check|Show me|Give me] the [network|Qubic network] health"
            "[| status| please]",
            "[What is|What's|Tell me] the [state|health|condition|status] of [the network|Qubic]?",
        ),
        "zh-TW": (
            "Qubic 網路的當前健康狀況如何？",
            f"{ASK_ZH}[Qubic 網路|網路|Qubic][的|][當前|目前|現在的|][健康狀況|健康狀態|狀況|狀態]"
            "[如何|怎麼樣|好嗎|]？",
            "[Qubic 網路|網路|Qubic][現在|目前|今天|][健康嗎|運作正常嗎|還好嗎|運作得如何]？",
            "[說明|描述|報告|檢查|分析][Qubic |目前的|][網路|網路的][健康|健康狀況|健康度]",
        ),
    },
    "quality_meaning": {
        "en": (
            "What is the current tick quality and what does it mean?",
            "What does [the|a|the current] tick quality [mean|tell us|say]?",
            "[Explain|Please explain|Can you explain] [the tick quality|tick quality|the current "
            "tick"
            " quality|what tick quality means]",
            "[What is|What's] tick quality[| and why does it matter]?",
            "[How is tick quality defined|How do you read the tick quality]?",
        ),
        "zh-TW": (
            "目前的 Tick 品質是多少？代表什麼意思？",
            "[目前的|當前的|現在的|] Tick 品質[代表什麼|是什麼意思|有什麼意義|代表什麼意思|"
            "怎麼解讀]？",
            "[解釋|說明|請解釋|請說明|解讀][目前的|當前的|一下|] Tick 品質[|的意義|的意思]",
            "[什麼是|何謂] Tick 品質？",
        ),
    },
    "sentiment": {
        "en": (
            "Analyze today's market sentiment and price [trend|trends]",
            "[What is|What's|Analyze|Describe] the [market sentiment|market mood|price trend|"
            "sentiment]"
            "[| today| now]?",
            "[Is the price|Is QU|Is the market] [going up|going down|rising|falling|bullish|"
            "bearish]?",
            "[How does the market feel|How is the market trending] [today|about Qubic|now]?",
        ),
        "zh-TW": (
            "分析今日市場情緒和價格趨勢",
            "[分析|說明|請分析|描述][今日|今天的|目前的|][市場情緒|價格趨勢|價格走勢|市場氣氛]",
            "[今日|今天|現在|目前][市場情緒|市場氣氛|價格走勢|價格趨勢][如何|怎麼樣]？",
            "[價格|市場|QU][會漲嗎|在漲還是在跌|正在上漲嗎|正在下跌嗎|是多頭還是空頭]？",
        ),
    },
    "risk": {
        "en": (
            "Assess [the network|current network|the current network] risk factors",
            "[Assess|Analyze|Evaluate|Describe|List|Explain] the [network risk|risk factors|risks|"
            "current risks|network risks]",
            "What [are the risks|are the risk factors|risks are there|could go wrong]"
            "[| now| in the network| for Qubic]?",
            "[How risky is|Is it risky to use] [Qubic|the network]?",
        ),
        "zh-TW": (
            "評估當前網路風險因子",
            "[評估|分析|說明|列出|請評估][當前|目前的|現在的|][網路|Qubic|Qubic 網路|][的|]"
            "[風險因子|風險|風險因素]",
            "[目前|現在|當前|][網路|Qubic|Qubic 網路]有[哪些|什麼][風險|風險因子|風險因素]？",
            "[網路|Qubic]的風險[高嗎|大嗎|如何]？",
        ),
    },
    "prediction": {
        "en": (
            "Predict the next epoch performance",
            "[Predict|Forecast|Estimate|Project] [the next epoch|next epoch's performance|the "
            "future|"
            "the next epoch's ticks|the performance of the next epoch]",
            "[What will|How will] [the next epoch|the coming epoch] [look like|perform|be like]?",
            "What [will happen|comes|happens] [next|in the next epoch|in the future]?",
        ),
        "zh-TW": (
            "預測下一個 Epoch 的表現",
            "[預測|預估|推測|請預測][下一個 Epoch |下個 Epoch |未來][的表現|的結果|的走向|的情況]",
            "[下一個|下個] Epoch [會怎樣|會如何|表現會如何|會發生什麼事|的表現如何]？",
            "[未來|接下來]會[怎樣|如何|發生什麼事]？",
        ),
    },
    "prospects": {
        "en": (
            "Analyze Qubic's market prospects",
            "[Analyze|Assess|Describe|Evaluate] [the market prospects|Qubic's prospects|the market "
            "outlook|the prospects of Qubic]",
            "[What is|What's] [the market outlook|Qubic's outlook|the outlook for Qubic]?",
            "[Should I|Is it wise to] [buy|invest in|sell] [QU|Qubic][| now]?",
            "Is [Qubic|QU] a good investment?",
        ),
        "zh-TW": (
            "分析 Qubic 的市場前景",
            "[分析|評估|說明|請分析][Qubic |Qubic 的|][市場前景|前景|市場展望|發展前景]",
            "Qubic [的前景|的市場前景|的展望][如何|怎麼樣|好嗎]？",
            "[Qubic|QU][值得投資嗎|可以買嗎|值得買嗎|該買還是該賣]？",
        ),
    },
    "epoch": {
        "en": (
            f"{ASK_EN} the [current epoch|epoch|epoch number|current epoch number|epoch now]?",
            "[Which|What] epoch [is it|is this|are we in|is Qubic in|is it now]?",
        ),
        "zh-TW": (
            f"{ASK_ZH}[目前|現在|當前|]是[哪個|第幾個|哪一個|什麼] Epoch？",
            f"{ASK_ZH}[目前的|現在的|當前的|] Epoch [是多少|是幾|編號|是第幾個|多少]？",
        ),
    },
    "tick": {
        "en": (
            f"{ASK_EN} the [current tick|tick|tick number|latest tick|current tick number]?",
            "[Which|What] tick [is it|is the network at|are we at|is Qubic at|is it now]?",
        ),
        "zh-TW": (
            f"{ASK_ZH}[目前|現在|當前|]是[哪個|第幾個|哪一個] Tick？",
            f"{ASK_ZH}[目前的|現在的|當前的|最新的|] Tick [是多少|是幾|編號|是第幾個|到多少了]？",
        ),
    },
    "quality": {
        "en": (
            f"{ASK_EN} the [current tick quality|tick quality value|quality of the ticks|tick "
            "quality"
            " now]?",
            "How [good|high] is the [tick quality|quality of ticks|current tick quality]?",
        ),
        "zh-TW": (
            f"{ASK_ZH}[目前的|現在的|當前的|] Tick 品質[是多少|多少|有多高|是幾趴|高嗎]？",
            f"{ASK_ZH}[目前|現在|當前|] Tick 品質[數值|百分比|為何]",
        ),
    },
    "empty_ticks": {
        "en": (
            f"{ASK_EN} the [number of empty ticks|empty ticks|empty tick count]?",
            "How many [empty ticks are there|ticks are empty|ticks were empty|empty ticks|empty "
            "ticks"
            " are in this epoch]?",
        ),
        "zh-TW": (
            f"{ASK_ZH}[目前|現在|本 Epoch |這個 Epoch |][有多少|有幾個|有多少個]空[的| ] Tick？",
            f"{ASK_ZH}空 Tick [的數量|數量|有多少|有幾個|是多少|數][|？]",
        ),
    },
    "addresses": {
        "en": (
            f"{ASK_EN} the number of [active addresses|addresses|active users|active wallets]?",
            "How many [active addresses|addresses|active wallets|active users|addresses are active]"
            " [are there|does Qubic have|now|are on the network]?",
        ),
        "zh-TW": (
            f"{ASK_ZH}[目前|現在|Qubic |網路|][有多少|有幾個|有多少個][活躍地址|地址|活躍的地址|"
            "活躍用戶]？",
            f"{ASK_ZH}活躍地址[的數量|數量|數|有多少|是多少|總數]？",
        ),
    },
    "price": {
        "en": (
            f"{ASK_EN} the [current price|price|QU price|price of QU|Qubic price|price of Qubic|"
            "price now]?",
            "How much [is|does] [QU|a QU|Qubic|one million QU] [cost|worth|worth now]?",
        ),
        "zh-TW": (
            f"{ASK_ZH}[目前的|現在的|當前的|QU 的|Qubic 的|QU |][價格|價錢|幣價][是多少|多少|"
            "為何]？",
            f"{ASK_ZH}[QU|Qubic|一百萬 QU|每百萬 QU ][現在|目前|]多少錢？",
        ),
    },
    "market_cap": {
        "en": (
            f"{ASK_EN} the [market cap|current market cap|market capitalization|market cap of "
            "Qubic|"
            "market value]?",
            "How [big|large|high] is the [market cap|market value|market capitalization]?",
        ),
        "zh-TW": (
            f"{ASK_ZH}[目前的|現在的|當前的|Qubic 的|][市值|總市值][是多少|多少|有多大|為何]？",
            f"{ASK_ZH}[Qubic|QU|網路]的[市值|總市值][|是多少]",
        ),
    },
    "supply": {
        "en": (
            f"{ASK_EN} the [circulating supply|supply|current supply|supply of QU|QU in "
            "circulation]?",
            "How [many|much] QU [is in circulation|are in circulation|circulate|exist|are there]?",
        ),
        "zh-TW": (
            f"{ASK_ZH}[目前的|現在的|QU 的|當前的|][流通供應量|流通量|供應量][是多少|多少|有多少|"
            "為何]？",
            f"{ASK_ZH}[目前|現在|]有多少 QU [在流通|流通]？",
        ),
    },
    "burned": {
        "en": (
            f"{ASK_EN} the [amount of burned QU|burned QU|burned amount|number of burned QU|burn "
            "total]?",
            "How [many|much] QU [has been burned|have been burned|is burned|are burned|was "
            "burned]?",
        ),
        "zh-TW": (
            f"{ASK_ZH}[目前|現在|]已[銷毀|燒毀|燃燒][多少|了多少] QU？",
            f"{ASK_ZH}[QU |][銷毀量|燒毀量|銷毀的數量|燒毀的數量][是多少|多少|有多少|]？",
        ),
    },
    "greeting": {
        "en": (
            "[Hello|Hi|Hey|Good morning|Good evening|Hello there|Hi there|Good afternoon][|!|.]",
            "[Thanks|Thank you|Nice to meet you|How are you?|Thank you very much]",
        ),
        "zh-TW": (
            "[你好|您好|哈囉|嗨|早安|午安|晚安|你好嗎|大家好][|！|。]",
            "[謝謝|感謝|謝謝你|很高興認識你|多謝][|！|。]",
        ),
    },
    "identity": {
        "en": (
            "[Who|What] are you?",
            "[What is your name|What can you do|What do you know|How can you help me|Are you a "
            "bot]?",
            "[Introduce yourself|Tell me about yourself|Help|What model are you?|Who made you?]",
        ),
        "zh-TW": (
            "你[是誰|是什麼|叫什麼名字|會什麼|能做什麼|可以做什麼|知道什麼]？",
            "[自我介紹|請自我介紹|介紹一下你自己|請介紹你自己|你是什麼模型？|誰做了你？|說明|幫助]",
        ),
    },
    "fallback": {
        "en": (
            "[What is the weather|Will it rain] [today|in Taipei|in London|tomorrow|in Paris]?",
            "[Write|Tell me|Give me] [a poem|a joke|a story|a recipe|a song|some code|an essay]"
            "[| about cats| about love| about the sea| in Python| please]",
            "[Who|When] [is the president|won the match|wrote this book|was he born|is the king]?",
            "[What is|How do I compute|Solve] [two plus two|the square root|this equation|pi|one "
            "plus"
            " one|the meaning of life]?",
            "[How do I|Can you help me] [cook rice|learn English|fix my car|lose weight|write code|"
            "book a flight|install Linux|cook dinner]?",
            "[Translate|Read|Play|Open|Send|Draw] [this|the door|a picture|music|an email|the "
            "letter]",
            "[Where is|What is the capital of] [Taiwan|France|the station|Japan|the moon|my "
            "phone]?",
            "[What is|Tell me about|Explain] [Bitcoin|Ethereum|love|physics|football|Python|"
            "history|"
            "music|quantum mechanics|the sun|gravity]",
        ),
        "zh-TW": (
            "[今天|明天|台北|東京|週末]的[天氣|氣溫|天氣如何|天氣怎麼樣|會下雨嗎]？",
            "[寫|說|講|給我][一首詩|一個笑話|一個故事|一份食譜|一段程式|一篇文章|一首歌]",
            "[誰是總統|誰贏了比賽|現在幾點|今天星期幾|這本書是誰寫的|月亮有多遠]？",
            "[一加一等於多少|圓周率是多少|人生的意義是什麼|這題怎麼算|三乘以五是多少]？",
            "[如何|怎麼|怎樣|教我][煮飯|學英文|修車|減肥|寫程式|訂機票|做菜|安裝軟體][|？]",
            "[翻譯|播放|打開|畫|寄][這句話|音樂|門|一張圖|一封信|這篇文章]",
            "[台灣|法國|日本|美國]的首都[在哪裡|是哪裡]？",
            "[什麼是|介紹|解釋|告訴我][比特幣|以太坊|愛情|物理|足球|歷史|音樂|量子力學|太陽|"
            "人工智慧]",
        ),
    },
}

# phrasings that training never sees, for an honest second score
HELD_OUT_QUESTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "health": {"en": "Is the health of the network good?", "zh-TW": "現在網路的健康度如何？"},
    "quality_meaning": {
        "en": "What is the meaning of tick quality?",
        "zh-TW": "Tick 品質的意義是什麼？",
    },
    "sentiment": {"en": "What is today's market sentiment?", "zh-TW": "請說明今日的市場情緒"},
    "risk": {"en": "What risk factors does Qubic have?", "zh-TW": "請列出網路的風險"},
    "prediction": {"en": "Can you predict the next epoch?", "zh-TW": "你能預測下一個 Epoch 嗎？"},
    "prospects": {
        "en": "Tell me the market prospects of Qubic",
        "zh-TW": "Qubic 未來的市場前景好嗎？",
    },
    "epoch": {"en": "The current epoch, please", "zh-TW": "我們在第幾個 Epoch？"},
    "tick": {"en": "At which tick is the network now?", "zh-TW": "網路目前到哪個 Tick？"},
    "quality": {"en": "How high is the quality of the ticks?", "zh-TW": "Tick 品質現在是多少？"},
    "empty_ticks": {"en": "Count the empty ticks", "zh-TW": "這個 Epoch 的空 Tick 有幾個？"},
    "addresses": {"en": "How many wallets are active?", "zh-TW": "Qubic 的活躍地址有幾個？"},
    "price": {"en": "What does one QU cost?", "zh-TW": "QU 價格現在是多少？"},
    "market_cap": {"en": "How large is Qubic's market cap?", "zh-TW": "Qubic 總市值有多少？"},
    "supply": {"en": "What is the supply in circulation?", "zh-TW": "QU 流通供應量有多少？"},
    "burned": {"en": "How much has been burned?", "zh-TW": "燒毀了多少 QU？"},
    "greeting": {"en": "Hey there!", "zh-TW": "哈囉你好！"},
    "identity": {"en": "What are you able to do?", "zh-TW": "請問你是誰？"},
    "fallback": {"en": "Tell me a joke about Python", "zh-TW": "教我畫一張圖"},
}

ANSWERS: Final[Mapping[str, Mapping[str, str]]] = {
    "health": {
        "en": "Tick quality is {quality}: {empty_ticks} of {ticks_in_epoch} ticks in epoch {epoch} "
        "were empty. There are {addresses} active addresses.",
        "zh-TW": "目前 Tick 品質為 {quality}：Epoch {epoch} 的 {ticks_in_epoch} 個 Tick 中有 "
        "{empty_ticks} 個是空的。活躍地址共 {addresses} 個。",
    },
    "quality_meaning": {
        "en": "Tick quality is {quality}, the share of ticks that were not empty. In epoch "
        "{epoch}, "
        "{empty_ticks} of {ticks_in_epoch} ticks were empty.",
        "zh-TW": "目前 Tick 品質為 {quality}，也就是非空 Tick 的比例。Epoch {epoch} 的 "
        "{ticks_in_epoch} 個 Tick 中有 {empty_ticks} 個是空的。",
    },
    "sentiment": {
        "en": "I only see current figures, so I cannot judge sentiment or a trend. The price is "
        "{price} per million QU and the market cap is {market_cap}.",
        "zh-TW": "我只看得到目前的數據，無法判斷市場情緒或趨勢。目前價格為每百萬 QU {price}，"
        "市值為 {market_cap}。",
    },
    "risk": {
        "en": "Two points to watch: tick quality is {quality} with {empty_ticks} empty ticks, "
        "and the "
        "market cap is {market_cap} at a price of {price} per million QU.",
        "zh-TW": "目前有兩點值得留意：Tick 品質為 {quality}，有 {empty_ticks} 個空 Tick；市值為 "
        "{market_cap}，價格為每百萬 QU {price}。",
    },
    "prediction": {
        "en": "I only see current figures, so I cannot predict the next epoch. Epoch {epoch} is "
        "at tick "
        "{tick} with a tick quality of {quality}.",
        "zh-TW": "我只看得到目前的數據，無法預測下一個 Epoch。目前 Epoch {epoch} 在 Tick {tick}，"
        "Tick 品質為 {quality}。",
    },
    "prospects": {
        "en": "I only see current figures, so I cannot judge the prospects. The market cap is "
        "{market_cap}, the price is {price} per million QU, and there are {addresses} active "
        "addresses.",
        "zh-TW": "我只看得到目前的數據，無法判斷前景。目前市值為 {market_cap}，價格為每百萬 QU "
        "{price}，活躍地址共 {addresses} 個。",
    },
    "epoch": {
        "en": "The current epoch is {epoch}, with {ticks_in_epoch} ticks so far.",
        "zh-TW": "目前是 Epoch {epoch}，已有 {ticks_in_epoch} 個 Tick。",
    },
    "tick": {
        "en": "The current tick is {tick}, in epoch {epoch}.",
        "zh-TW": "目前的 Tick 是 {tick}，位於 Epoch {epoch}。",
    },
    "quality": {
        "en": "Tick quality is {quality} in epoch {epoch}.",
        "zh-TW": "目前 Tick 品質為 {quality}，位於 Epoch {epoch}。",
    },
    "empty_ticks": {
        "en": "There are {empty_ticks} empty ticks among the {ticks_in_epoch} ticks in epoch "
        "{epoch}.",
        "zh-TW": "Epoch {epoch} 的 {ticks_in_epoch} 個 Tick 中有 {empty_ticks} 個是空的。",
    },
    "addresses": {
        "en": "There are {addresses} active addresses.",
        "zh-TW": "目前活躍地址共 {addresses} 個。",
    },
    "price": {
        "en": "The price is {price} per million QU.",
        "zh-TW": "目前價格為每百萬 QU {price}。",
    },
    "market_cap": {
        "en": "The market cap is {market_cap}.",
        "zh-TW": "目前市值為 {market_cap}（M 為百萬美元）。",
    },
    "supply": {
        "en": "The circulating supply is {supply} QU.",
        "zh-TW": "目前流通供應量為 {supply} QU（T 為兆）。",
    },
    "burned": {
        "en": "So far {burned} QU have been burned.",
        "zh-TW": "目前已銷毀 {burned} QU（T 為兆）。",
    },
    "greeting": {
        "en": "Hello! I am the demo model of qinfra. Ask me about the Qubic network figures.",
        "zh-TW": "你好！我是 qinfra 的示範模型，歡迎詢問 Qubic 網路數據。",
    },
    "identity": {
        "en": "I am the demo model of qinfra, a tiny model that copies Qubic network figures "
        "from the "
        "prompt into its answers.",
        "zh-TW": "我是 qinfra 的示範模型，一個把提示中的 Qubic 網路數據抄進回答的小模型。",
    },
    "fallback": {
        "en": "I am only a demo model. I can tell you Qubic's epoch, tick, tick quality, active "
        "addresses, price, market cap, supply and burned QU.",
        "zh-TW": "我只是示範模型，可以回答 Qubic 的 Epoch、Tick、Tick 品質、活躍地址、價格、市值、"
        "供應量與銷毀量。",
    },
}

NO_FIGURES: Final[Mapping[str, str]] = {
    "en": "I am only a demo model, and there are no network figures in the prompt to copy from.",
    "zh-TW": "我只是示範模型，而提示中沒有可以引用的網路數據。",
}
