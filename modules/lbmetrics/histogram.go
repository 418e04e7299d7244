// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

// started is when the histograms began.
var started = time.Now()

// constHistogram is a histogram with native and classic buckets.
type constHistogram struct {
	prometheus.Metric // has the native ones
	bounds            []float64
	counts            []uint64
}

// Write adds the classic buckets.
func (h *constHistogram) Write(to *dto.Metric) error {
	if err := h.Metric.Write(to); err != nil {
		return err
	}
	for i, bound := range h.bounds {
		to.Histogram.Bucket = append(to.Histogram.Bucket, &dto.Bucket{UpperBound: new(bound), CumulativeCount: new(h.counts[i])})
	}
	return nil
}

// sendHistogram sends a histogram.
func sendHistogram(out output, m *metric, l *tally.Layout, h *tally.Histogram, labels ...string) {
	native := prometheus.MustNewConstNativeHistogram(m.desc, h.Count(), h.Sum(), h.Native(l), nil, h.Zero(),
		tally.Schema, l.ZeroThreshold(), started, clean(labels)...)
	out <- &constHistogram{native, l.Bounds, h.Classic(l)}
}
