// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"bytes"
	"regexp"
	"strings"
)

// label is a label in the text of an alert.
var label = regexp.MustCompile(`\$([a-z]+)`)

// alertRules returns the file of alert rules.
func alertRules() []byte {
	var b bytes.Buffer
	writeLine(&b, "# Alert rules of Caddy passthrough; they need recording.yml. Generated from integration/monitoring.")
	writeLine(&b, "groups:\n  - name: caddy_passthrough_alerts\n    rules:")
	for i := range alerts {
		a := &alerts[i]
		writeLine(&b, "      - alert: %s\n        expr: %s\n        for: %s", a.name, quoted(a.value+" "+a.limit), a.wait)
		writeLine(&b, "        labels:\n          severity: %s\n        annotations:", a.severity)
		a.writeAnnotations(&b, "          ", func(name string) string { return "{{ $labels." + name + " }}" })
	}
	return b.Bytes()
}

// writeAnnotations writes the texts of an alert, with the values of labels.
func (a *alert) writeAnnotations(b *bytes.Buffer, indent string, value func(label string) string) {
	for _, text := range [][2]string{{"summary", a.summary}, {"description", a.action}, {"guide", "docs/monitoring.md#" + a.guide}} {
		filled := label.ReplaceAllStringFunc(text[1], func(found string) string { return value(found[1:]) })
		writeLine(b, "%s%s: %s", indent, text[0], quoted(filled))
	}
}

// alertTests returns the unit tests of the alerts, for promtool.
func alertTests() []byte {
	var b bytes.Buffer
	writeLine(&b, "# Unit tests: promtool test rules alerts_test.yml. Generated from integration/monitoring.")
	writeLine(&b, "rule_files:\n  - recording.yml\n  - alerts.yml\nevaluation_interval: 1m\ntests:")
	for i := range alerts {
		a := &alerts[i]
		a.writeTest(&b, "fires", a.fires, true)
		a.writeTest(&b, "is quiet", a.quiet, false)
	}
	return b.Bytes()
}

// writeTest writes a test of the alert after 20 minutes.
func (a *alert) writeTest(b *bytes.Buffer, what string, input []series, fires bool) {
	writeLine(b, "  - name: %s %s\n    interval: 1m\n    input_series:", a.name, what)
	for _, s := range input {
		writeLine(b, "      - series: %s\n        values: %s", quoted(s.name), quoted(s.values))
	}
	writeLine(b, "    alert_rule_test:\n      - eval_time: 20m\n        alertname: %s", a.name)
	if !fires {
		writeLine(b, "        exp_alerts: []")
		return
	}
	values := make(map[string]string)
	writeLine(b, "        exp_alerts:\n          - exp_labels:\n              severity: %s", a.severity)
	for _, l := range a.labels {
		name, value, _ := strings.Cut(l, "=")
		values[name] = strings.Trim(value, `"`)
		writeLine(b, "              %s: %s", name, values[name])
	}
	writeLine(b, "            exp_annotations:")
	a.writeAnnotations(b, "              ", func(name string) string { return values[name] })
}
