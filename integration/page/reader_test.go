// SPDX-License-Identifier: Apache-2.0

package page

import (
	"os"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// press presses keys, by their names in JavaScript. (Keys of chromedp reach the page even where it
// prevents that.)
func (b *tab) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key}
		switch {
		case key == "Enter":
			down.Text, down.WindowsVirtualKeyCode = "\r", 13
		case key == "Escape":
			down.WindowsVirtualKeyCode = 27
		case len(key) == 1:
			down.Text = key
		}
		up := down
		up.Type, up.Text = input.DispatchKeyEventTypeKeyUp, ""
		for _, event := range []input.DispatchKeyEventParams{down, up} {
			if _, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, event); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// look sets how the page is shown: its size, the theme (light or dark) and the medium.
func (b *tab) look(width, height int64, theme, medium string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
	b.media(medium, "prefers-color-scheme", theme)
}

// media sets the medium and one of its features.
func (b *tab) media(medium, feature, value string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: medium, Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// zone sets the reader's time zone.
func (b *tab) zone(name string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name}); err != nil {
		b.t.Fatal(err)
	}
}

// withoutScript switches JavaScript off.
func (b *tab) withoutScript() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		b.t.Fatal(err)
	}
}

// screenshot writes what the tab shows to a file of the folder that SCREENSHOTS names, if any.
func (b *tab) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	b.picture(dir+"/"+name+".png", false)
}

// picture writes a picture of the tab, or of the whole page, to a file.
func (b *tab) picture(path string, whole bool) {
	b.t.Helper()
	take := chromedp.CaptureScreenshot()
	if whole {
		take = chromedp.FullScreenshot(100)
	}
	png, err := chromedp.Run(b.ctx, take)
	if err == nil {
		err = os.WriteFile(path, png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
