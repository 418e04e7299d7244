// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"regexp"
	"testing"
)

// TestNewerConverters has the results of HAProxy 3.4 for expressions that 2.6 does not support.
func TestNewerConverters(t *testing.T) {
	const none = "\x00"
	for text, want := range map[string]string{
		"str(abc),reverse": "cba", "str(www.a.test),reverse_dom": "test.a.www", "str(a.b.),reverse_dom": "b.a", "str(.a.b),reverse_dom": none,
		"str(),reverse_dom": none, "str(a),reverse_dom": "a", "str(ab),has_ctl": "0", "bin(610a62),has_ctl": "1", "bin(617f62),has_ctl": "1",
		"bin(0102030405),le2dec(:,2)": "513:1027:5", "bin(0102030405),le2dec(:,2,1)": "513:1027", "bin(0a0b),base2": "0000101000001011",
		"str(a=1&b=2),param(a)": "1", "str(a&b=2),param(a)": none, "str(aa=3&a=1),param(a)": "1", "str(a=),param(a)": none,
		"str(a=1=2&b),param(a)": "1=2", "str(x=1),param(a)": none, "str(a=1;b=2),param(b,;)": "2",
	} {
		v, verdict := mustExpression(t, new(Loader), text).Eval(new(Input))
		if got := v.String(); want == none && verdict != Fail || want != none && (verdict != Pass || got != want) {
			t.Errorf("%s: %q, %v, want %q", text, got, verdict, want)
		}
	}
}

func TestProcessFetches(t *testing.T) {
	for text, want := range map[string]string{
		"uuid":         `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"uuid(7)":      `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"rand(10)":     `^[0-9]$`,
		"rand":         `^[0-9]{1,10}$`,
		"date":         `^[0-9]{10}$`,
		"date(0,ms)":   `^[0-9]{13}$`,
		"date(5,us)":   `^[0-9]{16}$`,
		"date_us":      `^[0-9]{1,6}$`,
		"pid":          `^[0-9]+$`,
		"fc_rtt(us)":   `^7$`, // the State's answer
		"fc_rtt":       `^0$`,
		"fc_lost":      `^7$`,
		"src_is_local": `^7$`,
	} {
		v, verdict := mustExpression(t, new(Loader), text).Eval(&Input{State: new(echo)})
		if verdict != Pass || !regexp.MustCompile(want).MatchString(v.String()) {
			t.Errorf("%s: %q, %v", text, v, verdict)
		}
	}
	for _, text := range []string{"fc_rtt(s)", "date(0,x)", "uuid(1)"} {
		if _, err := new(Loader).Expression(text); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
