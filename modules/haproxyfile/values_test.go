// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"math"
	"strings"
	"testing"
	"time"
)

// timeCases holds times, with milliseconds as the default unit. TestHAProxyTimes checks them with
// HAProxy.
var timeCases = []struct {
	text    string
	want    time.Duration
	err     string
	differs string // why HAProxy's result differs
}{
	{text: "0", want: 0},
	{text: "5", want: 5 * time.Millisecond},
	{text: "05", want: 5 * time.Millisecond},
	{text: "0us", want: 0},
	{text: "1000us", want: time.Millisecond},
	{text: "1001us", want: 2 * time.Millisecond},
	{text: "1999us", want: 2 * time.Millisecond},
	{text: "5ms", want: 5 * time.Millisecond},
	{text: "5s", want: 5 * time.Second},
	{text: "5m", want: 5 * time.Minute},
	{text: "5h", want: 5 * time.Hour},
	{text: "24d", want: 24 * day},
	{text: "2147483647", want: math.MaxInt32 * time.Millisecond},
	{text: "2147483647ms", want: math.MaxInt32 * time.Millisecond},
	{text: "2147483s", want: 2147483 * time.Second},
	{text: "2147483648", err: "timer overflow in argument '2147483648': expected at most 2147483647ms, which is about 24.8 days"},
	{text: "2147484s", err: "timer overflow in argument '2147484s'"},
	{text: "25d", err: "timer overflow in argument '25d'"},
	{text: "99999999999999999999999", err: "timer overflow in argument"},
	{text: "18446744073709551617", err: "timer overflow in argument", differs: "HAProxy's number goes round"},
	{text: "1us", err: "timer underflow in argument '1us': expected 0 or at least 1ms", differs: "from 3.x on"},
	{text: "999us", err: "timer underflow in argument '999us': expected 0 or at least 1ms", differs: "from 3.x on"},
	{text: "s", err: "unexpected character 's' in 's': expected a whole number and, unless it counts ms, one of us, ms, s, m, h, d"},
	{text: "ms", err: "unexpected character 'm' in 'ms'"},
	{text: "-5", err: "unexpected character '-' in '-5'"},
	{text: "+5", err: "unexpected character '+' in '+5'"},
	{text: "1.5s", err: "unexpected character '.' in '1.5s'"},
	{text: "5S", err: "unexpected character 'S' in '5S'"},
	{text: "5x", err: "unexpected character 'x' in '5x'"},
	{text: "0x5", err: "unexpected character 'x' in '0x5'"},
	{text: `5\ s`, err: "unexpected character"},
	{text: "5u", err: "unexpected character 'u' in '5u'"},
	{text: "5ux", err: "unexpected character 'u' in '5ux'"},
	{text: "5\u00b5s", err: "unexpected character '\u00b5' in '5\u00b5s'"},
	{text: "5ss", err: "unexpected character 's' in '5ss'", differs: "a warning up to 2.x"},
	{text: "5min", err: "unexpected character 'i' in '5min'", differs: "a warning up to 2.x"},
	{text: "5msx", err: "unexpected character 'x' in '5msx'", differs: "a warning up to 2.x"},
}

func TestParseTime(t *testing.T) {
	for _, test := range timeCases {
		got, err := ParseTime(test.text, time.Millisecond)
		checkValue(t, test.text, int64(got), int64(test.want), err, test.err)
	}
	if _, err := ParseTime("", time.Second); err == nil || !strings.HasPrefix(err.Error(), "no time: expected a whole number") {
		t.Errorf("an empty time: %v", err)
	}
}

func checkValue(t *testing.T, text string, got, want int64, err error, wantErr string) {
	t.Helper()
	message := ""
	if err != nil {
		message = err.Error()
	}
	if got != want || !strings.HasPrefix(message, wantErr) || wantErr == "" && err != nil {
		t.Errorf("%q is %d, %v; expected %d, %s", text, got, err, want, wantErr)
	}
}

func TestUnitsOfTime(t *testing.T) {
	tests := []struct {
		text string
		unit time.Duration
		want time.Duration
		err  string
	}{
		{"7", time.Second, 7 * time.Second, ""},
		{"7", time.Microsecond, 7 * time.Microsecond, ""},
		{"7us", time.Microsecond, 7 * time.Microsecond, ""},
		{"1500ms", time.Second, 2 * time.Second, ""},
		{"2000ms", time.Second, 2 * time.Second, ""},
		{"999ms", time.Second, 0, "timer underflow in argument '999ms': expected 0 or at least 1s"},
		{"2147483647", time.Second, math.MaxInt32 * time.Second, ""},
		{"2147483648", time.Second, 0, "timer overflow in argument '2147483648': expected at most 2147483647s"},
		{"24855d", time.Second, 24855 * day, ""},
		{"24856d", time.Second, 0, "timer overflow in argument '24856d'"},
		{"36m", time.Microsecond, 0, "timer overflow in argument '36m': expected at most 2147483647us"},
		{"35m", time.Microsecond, 35 * time.Minute, ""},
		{"24855", day, 24855 * day, ""},
		{"9223372036854775807us", day, 0, "timer overflow"},
		{"24856", day, 0, "timer overflow in argument '24856': expected at most 24855d"},
		{"3", 100 * time.Millisecond, 300 * time.Millisecond, ""},
		{"50ms", 100 * time.Millisecond, 0, "timer underflow in argument '50ms': expected 0 or at least 1 * 100ms"},
	}
	for _, test := range tests {
		got, err := ParseTime(test.text, test.unit)
		checkValue(t, test.text+" of "+test.unit.String(), int64(got), int64(test.want), err, test.err)
	}
}

// sizeCases holds sizes. TestHAProxySizes checks them with HAProxy.
var sizeCases = []struct {
	text    string
	want    int64
	err     string
	differs string
}{
	{text: "0", want: 0, differs: "a table of nothing is refused"},
	{text: "5", want: 5},
	{text: "05", want: 5},
	{text: "5k", want: 5 << 10},
	{text: "5K", want: 5 << 10},
	{text: "5m", want: 5 << 20},
	{text: "5M", want: 5 << 20},
	{text: "3g", want: 3 << 30},
	{text: "3G", want: 3 << 30},
	{text: "5g", want: 5 << 30, differs: "32 bits"},
	{text: "4294967296", want: 1 << 32, differs: "32 bits"},
	{text: "9223372036854775807", want: math.MaxInt64, differs: "32 bits"},
	{text: "8589934591g", want: 8589934591 << 30, differs: "32 bits"},
	{text: "8589934592g", err: "size '8589934592g' is too large: expected at most 9223372036854775807 bytes"},
	{text: "9223372036854775808", err: "size '9223372036854775808' is too large"},
	{text: "k", err: "unexpected character 'k' in 'k': expected a whole number, and k, m or g"},
	{text: "-5", err: "unexpected character '-' in '-5'"},
	{text: "5t", err: "unexpected character 't' in '5t'"},
	{text: "5kb", err: "unexpected character 'b' in '5kb'"},
	{text: "5.5k", err: "unexpected character '.' in '5.5k'"},
}

func TestParseSize(t *testing.T) {
	for _, test := range sizeCases {
		got, err := ParseSize(test.text)
		checkValue(t, test.text, got, test.want, err, test.err)
	}
	if _, err := ParseSize(""); err == nil || !strings.HasPrefix(err.Error(), "unexpected end of '': expected a whole number") {
		t.Errorf("an empty size: %v", err)
	}
}

func TestParseUint(t *testing.T) {
	tests := []struct {
		text string
		want int64
		err  string
	}{
		{"3", 3, ""},
		{"007", 7, ""},
		{"9", 9, ""},
		{"2", 0, "2 is out of range: expected a whole number from 3 to 9"},
		{"10", 0, "10 is out of range: expected a whole number from 3 to 9"},
		{"99999999999999999999", 0, "99999999999999999999 is out of range"},
		{"", 0, "unexpected end of '': expected a whole number from 3 to 9"},
		{"x", 0, "unexpected character 'x' in 'x': expected a whole number from 3 to 9"},
		{"5x", 0, "unexpected character 'x' in '5x'"},
		{"-5", 0, "unexpected character '-' in '-5'"},
		{"+5", 0, "unexpected character '+' in '+5'"},
		{" 5", 0, "unexpected character ' ' in ' 5'"},
	}
	for _, test := range tests {
		got, err := ParseUint(test.text, 3, 9)
		checkValue(t, test.text, got, test.want, err, test.err)
	}
}
