// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// metricsModule is the ID of the module of metrics. It is loaded by ID because its package imports
// this one.
const metricsModule = "passthrough.metrics"

// metrics is the module of metrics.
type metrics interface {
	// Activate is called when the configuration runs.
	Activate()
}

// provisionMetrics loads the module of metrics. It is there even without a configuration, unless
// the program lacks it.
func (a *App) provisionMetrics(ctx caddy.Context) error {
	raw := a.MetricsRaw
	if len(raw) == 0 {
		if _, err := caddy.GetModule(metricsModule); err != nil {
			return nil //nolint:nilerr // a program may be without metrics
		}
		raw = json.RawMessage("{}")
	}
	mod, err := ctx.LoadModuleByID(metricsModule, raw)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	a.metrics = mod.(metrics)
	return nil
}

// parseMetrics parses the block of the option metrics.
func (a *App) parseMetrics(d *caddyfile.Dispenser) error {
	parsed, err := caddyfile.UnmarshalModule(d, metricsModule)
	if err != nil {
		return err
	}
	a.MetricsRaw = caddyconfig.JSON(parsed, nil)
	return nil
}
