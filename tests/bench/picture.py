# SPDX-License-Identifier: BSD-2-Clause
"""SVG, as far as it is needed here: words, boxes, lines, and a file of them."""

from html import escape

INK, PALE, GRID, RED, GREEN = ("#1d2733", "#6b7785", "#e3e8ee", "#c8102e",
                               "#2e7d32")


class Picture:
    def __init__(self, width, height, title):
        self.width, self.height = width, height
        self.parts = [f"<title>{escape(title)}</title>",
                      f'<rect width="{width}" height="{height}" '
                      'fill="#ffffff"/>']

    def add(self, text):
        self.parts.append(text)

    def words(self, x, y, text, size=14, colour=INK, anchor="start",
              bold=False):
        weight = ' font-weight="700"' if bold else ""
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
                 f'fill="{colour}" text-anchor="{anchor}"{weight}>'
                 f"{escape(text)}</text>")

    def box(self, x, y, width, height, colour, more=""):
        self.add(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" '
                 f'height="{height:.1f}" fill="{colour}"{more}/>')

    def line(self, x1, y1, x2, y2, colour=INK, width=1.0, dash=""):
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.add(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
                 f'y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"'
                 f"{dashes}/>")

    def dot(self, x, y, radius, colour):
        self.add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" '
                 f'fill="{colour}"/>')

    def text(self, extra=""):
        body = "\n".join(self.parts)
        return (f'<svg xmlns="http://www.w3.org/2000/svg" '
                f'viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" '
                'font-family="Helvetica, Arial, sans-serif">\n'
                f"{extra}{body}\n</svg>\n")
