"""The page of channels: by keyboard, narrow and wide, with axe.

Looked at (SCREENSHOTS=folder pytest tests/browser/test_channels.py): what is on and what is off is told in
words; the secret of an address is nowhere; the form says by examples what to fill in.
"""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Service, Watched

KEY = "693a91f6-7aaa-4bc4-97a0-0ec2sifa5zzz"


def test_a_channel_is_made_turned_on_and_removed(signed_in: Watched, service: Service, shot: Any) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/channels")
    page.get_by_label("名称").fill("镇里的<b>群</b>")
    page.get_by_label("地址").fill("https://example.org/nothing")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert")).to_contain_text("看不懂这个地址")
    assert page.get_by_label("名称").input_value() == "镇里的<b>群</b>"
    page.get_by_label("地址").fill(f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}")
    page.get_by_label("案件进展").check()
    page.get_by_role("button", name="保存").press("Enter")
    channel = page.get_by_role("region", name="镇里的<b>群</b>")
    expect(channel).to_contain_text("关着")
    channel.get_by_role("button", name="打开").click()
    expect(channel).to_contain_text("已打开")
    assert KEY not in page.content()
    for width, name in ((1366, "desk"), (390, "phone")):
        page.set_viewport_size({"width": width, "height": 768})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        shot(page, f"channels-{name}")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    channel.get_by_role("button", name="删除").click()
    expect(page.get_by_text("还没有推送。")).to_be_visible()
