"""A page of the built book opened in a real browser, and what it complains about."""

SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
PATIENCE = 150_000  # milliseconds: a busy machine is slow, and that is no defect of the book


class Visit:
    """One page opened once: what it asked for, what it complained about, and the page itself.

    `prepare` is JavaScript that runs before the page's own; further arguments are the browser context's.
    """

    def __init__(self, browser, site, name, size="wide", prepare=None, **context):
        self.site, self.name, self.size = site, name, size
        self.context = browser.new_context(viewport=SIZES[size], **context)
        self.context.set_default_timeout(PATIENCE)
        self.page, self.complaints = self.context.new_page(), []
        if prepare:
            self.page.add_init_script(prepare)
        self.page.on("console", lambda message: self.complain(message.text, message.type == "error"))
        self.page.on("pageerror", lambda error: self.complain(str(error)))
        self.page.on("requestfailed", lambda request: self.complain(f"failed: {request.url}"))
        self.page.on("response", lambda answer: self.complain(f"{answer.status}: {answer.url}", answer.status >= 400))
        self.page.on("request", lambda request: self.complain(f"outside: {request.url}", not self.own(request.url)))
        self.page.goto(f"{site}{name}.html", wait_until="load")

    def own(self, url):
        """Whether an address is the book's own."""
        return url.startswith((self.site, "data:", "blob:"))

    def complain(self, text, really=True):
        """Note a complaint."""
        if really:
            self.complaints.append(text)

    def settle(self):
        """Wait until formulas are typeset and pictures are there, also those further down."""
        self.page.evaluate("window.MathJax?.startup?.promise")
        self.page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
        self.page.wait_for_function("[...document.images].every(image => image.complete)")
        return self

    def darken(self):
        """Use the page's own switch until it is dark."""
        switch = self.page.locator(".theme-switch-button:visible").first
        for _ in range(3):
            if self.theme() != "dark":
                switch.click()

    def theme(self):
        """The theme that the page shows."""
        return self.page.evaluate("document.documentElement.dataset.theme")
