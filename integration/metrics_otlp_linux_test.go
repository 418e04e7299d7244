// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// otlpCollector receives metrics by OTLP over HTTP.
type otlpCollector struct {
	mu  sync.Mutex
	got map[string]*metricspb.Metric // the last of each name
	bad error
}

func (c *otlpCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var data metricspb.MetricsData // has the form of the request
	if err == nil {
		err = proto.Unmarshal(body, &data)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || r.URL.Path != "/v1/metrics" {
		c.bad = fmt.Errorf("%s: %w", r.URL.Path, err)
	}
	for _, resource := range data.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				c.got[m.GetName()] = m
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// metric returns the last metric of a name, or nil.
func (c *otlpCollector) metric(t *testing.T, name string) *metricspb.Metric {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bad != nil {
		t.Fatal(c.bad)
	}
	return c.got["caddy_passthrough_"+name]
}

// TestMetricsByOTLP receives Caddy's push, before and after a reload: counters as sums that only
// rise, and native histograms as exponential ones.
func TestMetricsByOTLP(t *testing.T) {
	t.Parallel()
	collector := &otlpCollector{got: make(map[string]*metricspb.Metric)}
	server := httptest.NewServer(collector)
	t.Cleanup(server.Close)
	m := &metered{process: &process{}, always: freeAddress(t), sometimes: freeAddress(t), origin: listen(t, greetAndEcho)}
	m.env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_METRIC_EXPORT_INTERVAL=100"}
	m.dir, m.admin = t.TempDir(), freeAddress(t)
	sites := "http://" + freeAddress(t) + " {\n respond ok\n}"
	config := m.config(0) + "\nmetrics {\n otlp\n}"
	m.write(t, config, sites)
	m.run(t, "Caddyfile", 0)
	for n := int64(1); n <= 2; n++ {
		m.connect(t, m.always, "name.example.test")
		for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			ended, times := collector.metric(t, "frontend_ended_total"), collector.metric(t, "frontend_session_seconds")
			if sumOfPoints(ended) == float64(n) && ended.GetSum().GetIsMonotonic() && countOfPoints(times) == uint64(n) {
				break
			}
			if time.Now().After(over) {
				t.Fatalf("after %d connections: %v, %v", n, ended, times)
			}
		}
		if err := m.reload(t, config+"\ngrace_period 1s", sites); err != nil {
			t.Fatal(err)
		}
	}
}

func sumOfPoints(m *metricspb.Metric) (sum float64) {
	for _, p := range m.GetSum().GetDataPoints() {
		sum += p.GetAsDouble() + float64(p.GetAsInt())
	}
	return sum
}

func countOfPoints(m *metricspb.Metric) (sum uint64) {
	for _, p := range m.GetExponentialHistogram().GetDataPoints() {
		sum += p.GetCount()
	}
	return sum
}
