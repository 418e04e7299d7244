// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

// gather returns all metrics by name, from a registry that checks them.
func gather(t *testing.T, haproxyNames bool) map[string]*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(newCollector(haproxyNames)); err != nil {
		t.Fatal(err)
	}
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	families := make(map[string]*dto.MetricFamily)
	for _, f := range all {
		families[f.GetName()] = f
	}
	return families
}

// first picks the first server.
type first struct{}

func (*first) Pick(v pool.View, _ *pool.Request) *pool.Server { return v.Servers[0] }

// A pedantic registry accepts all metrics, and 100,000 hostile names are at most 2000 series.
func TestCollect(t *testing.T) {
	p, err := balancer.Registry().Open(pool.Config{Backend: "web", Policy: new(first), Servers: []pool.ServerConfig{
		{Name: "s1", Address: "192.0.2.1:443", Weight: 4, MaxConn: 9}, {Name: "s2", Address: "192.0.2.2:443", Weight: 1, Backup: true, Disabled: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Activate()
	lease, err := p.Acquire(t.Context(), new(pool.Request))
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release(pool.Served)
	frontend.ServerNames.Limit(defaultNames)
	defer frontend.ServerNames.Limit(0)
	const names = 100_000
	for i := range names {
		l := tally.Enter()
		frontend.ServerNames.Add(l, fmt.Sprintf("\xff\n\"\\%d", i))
		l.Leave()
	}
	all := gather(t, true)
	series, counted := 0, 0.0
	for _, f := range all {
		series += len(f.GetMetric())
	}
	for _, m := range all[prefix+"sni_connections_total"].GetMetric() {
		counted += m.GetCounter().GetValue()
		if name := m.GetLabel()[0].GetValue(); !utf8.ValidString(name) || strings.Contains(name, "\n") {
			t.Errorf("name %q", name)
		}
	}
	if series > 2000 || counted != names {
		t.Errorf("%d series count %v of %d names", series, counted, names)
	}
	for name, want := range map[string]float64{"server_connections": 1, "server_connections_total": 1, "server_connections_limit": 9, "backend_up": 1} {
		if f := all[prefix+name]; f == nil || f.GetMetric()[0].GetGauge().GetValue()+f.GetMetric()[0].GetCounter().GetValue() != want {
			t.Errorf("%s: %v, want %v", name, f, want)
		}
	}
	if len(gather(t, false)) >= len(all) || gather(t, false)["haproxy_server_status"] != nil {
		t.Error("HAProxy's names are there without haproxy_names")
	}
}

// Histograms have the buckets of client_golang's, of both kinds.
func TestHistogram(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*tally.Layout{"seconds": &tally.Seconds, "bytes": &tally.Bytes} {
		theirs := prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "h", Help: "Values.", Buckets: l.Bounds, NativeHistogramBucketFactor: math.Sqrt2, NativeHistogramZeroThreshold: l.ZeroThreshold(),
		})
		mine, r := new(tally.Histogram), rand.New(rand.NewPCG(1, 2))
		observe := func(v float64) {
			theirs.Observe(v)
			mine.Observe(l, v)
		}
		for exponent := l.Exponent - 3; exponent < l.Exponent+34; exponent++ {
			for _, v := range []float64{1, math.Sqrt2, math.Nextafter(1, 2), math.Nextafter(math.Sqrt2, 2), 1 + r.Float64()} {
				observe(math.Ldexp(v, exponent))
			}
		}
		for _, bound := range append(l.Bounds, 0) {
			observe(bound)
		}
		var want, got dto.Metric
		if err := theirs.Write(&want); err != nil {
			t.Fatal(err)
		}
		sent := make(chan prometheus.Metric, 1)
		sendHistogram(sent, newMetric(prometheus.UntypedValue, "h", "Values.", nil), l, mine)
		if err := (<-sent).Write(&got); err != nil {
			t.Fatal(err)
		}
		want.Histogram.CreatedTimestamp, got.Histogram.CreatedTimestamp = nil, nil
		ulp := math.Abs(want.Histogram.GetSampleSum()-got.Histogram.GetSampleSum()) <= 1e-9*want.Histogram.GetSampleSum()
		if d := cmp.Diff(&want, &got, protocmp.Transform(), protocmp.IgnoreFields(&dto.Histogram{}, "sample_sum")); d != "" || !ulp {
			t.Errorf("%s (-client_golang +ours):\n%s", name, d)
		}
	}
}

// What cannot be a number of names is refused.
func TestNamesLimits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"metrics {\n names 1001\n}":     "names: \"1001\": expected a whole number from 0 to 1000",
		"metrics {\n names -1\n}":       "names: \"-1\"",
		"metrics {\n haproxy\n}":        `unknown option "haproxy"; did you mean "haproxy_names"?`,
		"metrics {\n haproxy_names x\n": "x",
	} {
		err := new(Metrics).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
