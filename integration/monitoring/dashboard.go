// SPDX-License-Identifier: Apache-2.0

package monitoring

// object is a part of the dashboard in JSON.
type object = map[string]any

// source is the data source of all panels, chosen when the dashboard is imported.
var source = object{"type": "prometheus", "uid": "${datasource}"}

// The dashboard's grid has 24 columns.
const (
	columns     = 24
	statWidth   = 4
	statHeight  = 4
	graphWidth  = 12
	graphHeight = 8
)

// dashboard returns the dashboard in the form that Grafana imports.
func dashboard() []byte {
	var panels []object
	y := 0
	for _, r := range rows {
		panels = append(panels, object{"type": "row", "id": len(panels) + 1, "title": r.title, "collapsed": false, "panels": []any{}, "gridPos": grid(0, y, columns, 1)})
		y++
		x, height := 0, 0
		for _, p := range r.panels {
			width, tall := p.size()
			if x+width > columns {
				x, y = 0, y+height
			}
			panels = append(panels, p.object(len(panels)+1, grid(x, y, width, tall)))
			x, height = x+width, tall
		}
		y += height
	}
	return indented(object{
		"title": "Caddy passthrough", "uid": "caddy-passthrough", "tags": []string{"caddy", "load balancer"},
		"description":   "Connections that Caddy passes through to TLS servers. See docs/monitoring.md.",
		"schemaVersion": 39, "version": 1, "editable": true, "graphTooltip": 1, "refresh": "30s", "timezone": "",
		"time":       object{"from": "now-1h", "to": "now"},
		"templating": object{"list": variables()},
		"panels":     panels,
	})
}

func grid(x, y, w, h int) object { return object{"x": x, "y": y, "w": w, "h": h} }

// variables returns the choices at the top of the dashboard.
func variables() []object {
	all := []object{{"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "current": object{}, "hide": 0}}
	for _, v := range []struct{ name, label, query string }{
		{"instance", "Instance", "label_values(caddy_passthrough_connections, instance)"},
		{"frontend", "Frontend", `label_values(caddy_passthrough_frontend_connections{instance=~"$instance"}, frontend)`},
		{"backend", "Backend", `label_values(caddy_passthrough_backend_up{instance=~"$instance"}, backend)`},
	} {
		all = append(all, object{
			"type": "query", "name": v.name, "label": v.label, "datasource": source, "refresh": 2, "sort": 1,
			"definition": v.query, "query": object{"query": v.query, "refId": v.name},
			"multi": true, "includeAll": true, "allValue": ".*", "current": object{"text": "All", "value": "$__all"}, "hide": 0,
		})
	}
	return all
}

// size returns the width and height of a panel.
func (p *panel) size() (width, height int) {
	if p.kind == stat {
		return statWidth, statHeight
	}
	return graphWidth, graphHeight
}

// types are Grafana's panels by kind, with their options.
var types = map[kind]struct {
	name    string
	options object
}{
	graph:  {"timeseries", object{"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"}}},
	stat:   {"stat", object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "graphMode": "area", "colorMode": "value"}},
	states: {"state-timeline", object{"showValue": "never", "mergeValues": true}},
	bars:   {"bargauge", object{"orientation": "horizontal", "displayMode": "basic", "reduceOptions": object{"calcs": []string{"lastNotNull"}}}},
}

// object returns the panel.
func (p *panel) object(id int, at object) object {
	var targets []object
	for i, q := range p.queries {
		target := object{"refId": string(rune('A' + i)), "datasource": source, "expr": expand(q.expr), "legendFormat": q.legend}
		if p.kind == stat || p.kind == bars {
			target["instant"], target["range"] = p.kind == bars, p.kind == stat
		}
		targets = append(targets, target)
	}
	defaults := object{"unit": p.unit, "min": 0}
	if p.kind == states {
		defaults["mappings"] = []object{{"type": "value", "options": object{
			"0": object{"text": "down", "color": "red"}, "1": object{"text": "up", "color": "green"},
		}}}
	}
	t := types[p.kind]
	return object{
		"id": id, "type": t.name, "title": p.title, "description": p.description, "datasource": source, "gridPos": at,
		"targets": targets, "options": t.options, "fieldConfig": object{"defaults": defaults, "overrides": []any{}},
	}
}
