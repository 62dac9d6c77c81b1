// The wire's data as a Go client declares it. The tags are part of what is tested: every answer is
// decoded into these types, unknown members refused, and must come out the same when encoded again
// (see same in http_test.go), so a member left out, added, misspelt or of another type is found.
package interop

import "encoding/json"

type base struct {
	APIVersion string `json:"apiVersion"`
	RequestID  string `json:"requestId,omitempty"`
	Message    string `json:"message,omitempty"`
	StatusCode int    `json:"statusCode"`
}

type withID struct {
	base
	ID string `json:"id,omitempty"`
}

type counted struct {
	base
	Count int64 `json:"count"`
}

type stamps struct {
	Created  int64 `json:"created,omitempty"`
	Modified int64 `json:"modified,omitempty"`
}

type object = map[string]any

type retention struct {
	MaxCap   int64  `json:"maxCap"`
	MinCap   int64  `json:"minCap"`
	Duration string `json:"duration"`
}

type autoEvent struct {
	Interval          string    `json:"interval"`
	OnChange          bool      `json:"onChange"`
	OnChangeThreshold float64   `json:"onChangeThreshold"`
	SourceName        string    `json:"sourceName"`
	Retention         retention `json:"retention"`
}

type device struct {
	stamps
	ID             string            `json:"id,omitempty"`
	Name           string            `json:"name"`
	Parent         string            `json:"parent,omitempty"`
	Description    string            `json:"description,omitempty"`
	AdminState     string            `json:"adminState"`
	OperatingState string            `json:"operatingState"`
	Labels         []string          `json:"labels,omitempty"`
	Location       any               `json:"location,omitempty"`
	ServiceName    string            `json:"serviceName"`
	ProfileName    string            `json:"profileName,omitempty"`
	AutoEvents     []autoEvent       `json:"autoEvents,omitempty"`
	Protocols      map[string]object `json:"protocols"`
	Tags           object            `json:"tags,omitempty"`
	Properties     object            `json:"properties"`
}

type basicInfo struct {
	stamps
	ID                string   `json:"id,omitempty"`
	Name              string   `json:"name"`
	Manufacturer      string   `json:"manufacturer,omitempty"`
	Description       string   `json:"description,omitempty"`
	Model             string   `json:"model,omitempty"`
	Labels            []string `json:"labels,omitempty"`
	LinkedDeviceCount int64    `json:"linkedDeviceCount"`
}

type profile struct {
	basicInfo
	DeviceResources []resource `json:"deviceResources"`
	DeviceCommands  []command  `json:"deviceCommands"`
	APIVersion      string     `json:"apiVersion,omitempty"`
}

type resource struct {
	Description string     `json:"description,omitempty"`
	Name        string     `json:"name"`
	IsHidden    bool       `json:"isHidden"`
	Properties  properties `json:"properties"`
	Attributes  object     `json:"attributes,omitempty"`
	Tags        object     `json:"tags,omitempty"`
}

type properties struct {
	ValueType    string   `json:"valueType"`
	ReadWrite    string   `json:"readWrite"`
	Units        string   `json:"units,omitempty"`
	Minimum      *float64 `json:"minimum,omitempty"`
	Maximum      *float64 `json:"maximum,omitempty"`
	DefaultValue string   `json:"defaultValue,omitempty"`
	Mask         *uint64  `json:"mask,omitempty"`
	Shift        *int64   `json:"shift,omitempty"`
	Scale        *float64 `json:"scale,omitempty"`
	Offset       *float64 `json:"offset,omitempty"`
	Base         *float64 `json:"base,omitempty"`
	Assertion    string   `json:"assertion,omitempty"`
	MediaType    string   `json:"mediaType,omitempty"`
	Optional     object   `json:"optional,omitempty"`
}

type operation struct {
	DeviceResource string            `json:"deviceResource"`
	DefaultValue   string            `json:"defaultValue,omitempty"`
	Mappings       map[string]string `json:"mappings,omitempty"`
}

type command struct {
	Name               string      `json:"name"`
	IsHidden           bool        `json:"isHidden"`
	ReadWrite          string      `json:"readWrite"`
	ResourceOperations []operation `json:"resourceOperations"`
	Tags               object      `json:"tags,omitempty"`
}

type deviceService struct {
	stamps
	ID          string   `json:"id,omitempty"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Labels      []string `json:"labels,omitempty"`
	BaseAddress string   `json:"baseAddress"`
	AdminState  string   `json:"adminState"`
	Properties  object   `json:"properties"`
}

type discovered struct {
	ProfileName string      `json:"profileName,omitempty"`
	AdminState  string      `json:"adminState"`
	AutoEvents  []autoEvent `json:"autoEvents,omitempty"`
	Properties  object      `json:"properties"`
}

type watcher struct {
	stamps
	ID                  string              `json:"id,omitempty"`
	Name                string              `json:"name"`
	ServiceName         string              `json:"serviceName"`
	Labels              []string            `json:"labels,omitempty"`
	Identifiers         map[string]string   `json:"identifiers"`
	BlockingIdentifiers map[string][]string `json:"blockingIdentifiers,omitempty"`
	AdminState          string              `json:"adminState"`
	DiscoveredDevice    discovered          `json:"discoveredDevice"`
}

// Value, BinaryValue and ObjectValue are raw: null in all three is a null reading, absent is not.
type reading struct {
	ID           string          `json:"id,omitempty"`
	Origin       int64           `json:"origin,omitempty"`
	DeviceName   string          `json:"deviceName"`
	ResourceName string          `json:"resourceName"`
	ProfileName  string          `json:"profileName,omitempty"`
	ValueType    string          `json:"valueType"`
	Units        string          `json:"units,omitempty"`
	Tags         object          `json:"tags,omitempty"`
	Value        json.RawMessage `json:"value,omitempty"`
	BinaryValue  json.RawMessage `json:"binaryValue,omitempty"`
	MediaType    string          `json:"mediaType,omitempty"`
	ObjectValue  json.RawMessage `json:"objectValue,omitempty"`
}

type event struct {
	APIVersion  string    `json:"apiVersion"`
	ID          string    `json:"id"`
	DeviceName  string    `json:"deviceName"`
	ProfileName string    `json:"profileName"`
	SourceName  string    `json:"sourceName"`
	Origin      int64     `json:"origin"`
	Readings    []reading `json:"readings"`
	Tags        object    `json:"tags,omitempty"`
}

type addEvent struct {
	APIVersion string `json:"apiVersion"`
	RequestID  string `json:"requestId"`
	Event      event  `json:"event"`
}

type coreCommand struct {
	Name       string      `json:"name"`
	Get        bool        `json:"get,omitempty"`
	Set        bool        `json:"set,omitempty"`
	Path       string      `json:"path,omitempty"`
	URL        string      `json:"url,omitempty"`
	Parameters []parameter `json:"parameters,omitempty"`
}

type parameter struct {
	ResourceName string `json:"resourceName"`
	ValueType    string `json:"valueType"`
}

type deviceCommands struct {
	DeviceName   string        `json:"deviceName"`
	ProfileName  string        `json:"profileName"`
	CoreCommands []coreCommand `json:"coreCommands,omitempty"`
}

type systemEvent struct {
	APIVersion string            `json:"apiVersion"`
	Type       string            `json:"type"`
	Action     string            `json:"action"`
	Source     string            `json:"source"`
	Owner      string            `json:"owner"`
	Tags       map[string]string `json:"tags"`
	Details    json.RawMessage   `json:"details"`
	Timestamp  int64             `json:"timestamp"`
}

type kv struct {
	Key      string `json:"key"`
	Created  int64  `json:"Created"`
	Modified int64  `json:"Modified"`
	Value    string `json:"value"`
}

// kvChange is a kv on the bus: the value as it was sent, none of a key that is gone.
type kvChange struct {
	Key      string          `json:"key"`
	Created  int64           `json:"Created"`
	Modified int64           `json:"Modified"`
	Value    json.RawMessage `json:"value,omitempty"`
}

type healthCheck struct {
	Interval string `json:"interval"`
	Path     string `json:"path"`
	Type     string `json:"type"`
}

type registration struct {
	stamps
	ServiceID   string      `json:"serviceId"`
	Status      string      `json:"status"`
	Host        string      `json:"host"`
	Port        int         `json:"port"`
	HealthCheck healthCheck `json:"HealthCheck"`
}

type registered struct {
	APIVersion  string `json:"apiVersion"`
	StatusCode  int    `json:"statusCode"`
	ServiceName string `json:"serviceName"`
}

type envelope struct {
	APIVersion    string            `json:"apiVersion"`
	ReceivedTopic string            `json:"receivedTopic"`
	CorrelationID string            `json:"correlationID"`
	RequestID     string            `json:"requestID"`
	ErrorCode     int               `json:"errorCode"`
	Payload       json.RawMessage   `json:"payload"`
	ContentType   string            `json:"contentType"`
	QueryParams   map[string]string `json:"queryParams,omitempty"`
}

// Answers with one object or a list of them, under the key the wire has for it.
type (
	oneDevice struct {
		base
		Device device `json:"device"`
	}
	devices struct {
		base
		TotalCount int64    `json:"totalCount"`
		Devices    []device `json:"devices"`
	}
	oneProfile struct {
		base
		Profile profile `json:"profile"`
	}
	profiles struct {
		base
		TotalCount int64     `json:"totalCount"`
		Profiles   []profile `json:"profiles"`
	}
	basicInfos struct {
		base
		TotalCount int64       `json:"totalCount"`
		Profiles   []basicInfo `json:"profiles"`
	}
	oneResource struct {
		base
		Resource resource `json:"resource"`
	}
	oneService struct {
		base
		Service deviceService `json:"service"`
	}
	services struct {
		base
		TotalCount int64           `json:"totalCount"`
		Services   []deviceService `json:"services"`
	}
	oneWatcher struct {
		base
		Watcher watcher `json:"provisionWatcher"`
	}
	watchers struct {
		base
		TotalCount int64     `json:"totalCount"`
		Watchers   []watcher `json:"provisionWatchers"`
	}
	oneEvent struct {
		base
		Event event `json:"event"`
	}
	events struct {
		base
		TotalCount int64   `json:"totalCount"`
		Events     []event `json:"events"`
	}
	readings struct {
		base
		TotalCount int64     `json:"totalCount"`
		Readings   []reading `json:"readings"`
	}
	aggregate struct {
		base
		Func     string    `json:"aggregateFunc"`
		Readings []reading `json:"readings"`
	}
	keys struct {
		base
		Response []string `json:"response"`
	}
	kvs struct {
		base
		Response []kv `json:"response"`
	}
	oneRegistration struct {
		base
		Registration registration `json:"registration"`
	}
	registrations struct {
		base
		TotalCount    int64          `json:"totalCount"`
		Registrations []registration `json:"registrations"`
	}
	oneDeviceCommands struct {
		base
		Commands deviceCommands `json:"deviceCoreCommand"`
	}
	allDeviceCommands struct {
		base
		TotalCount int64            `json:"totalCount"`
		Commands   []deviceCommands `json:"deviceCoreCommands"`
	}
	unitsAnswer struct {
		base
		UoM struct {
			Source string `json:"source"`
			Units  map[string]struct {
				Source string   `json:"source"`
				Values []string `json:"values"`
			} `json:"units"`
		} `json:"uom"`
	}
)
