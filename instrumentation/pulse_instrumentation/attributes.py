"""The names of the span attributes that Pulse writes.

Not imported from OpenTelemetry's Python package, which has deprecated all its `gen_ai` constants.
"""

from __future__ import annotations

# The schema of the gen-ai conventions, whose releases, all of them development ones, have their own URLs.
SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"

OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
CONVERSATION_ID = "gen_ai.conversation.id"
OUTPUT_TYPE = "gen_ai.output.type"

REQUEST_MODEL = "gen_ai.request.model"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_CHOICE_COUNT = "gen_ai.request.choice.count"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_TOP_P = "gen_ai.request.top_p"
REQUEST_TOP_K = "gen_ai.request.top_k"
REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences"
REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_ENCODING_FORMATS = "gen_ai.request.encoding_formats"
REQUEST_REASONING_LEVEL = "gen_ai.request.reasoning.level"
REQUEST_PREVIOUS_RESPONSE_ID = "gen_ai.request.previous_response.id"
PROMPT_NAME = "gen_ai.prompt.name"
PROMPT_VERSION = "gen_ai.prompt.version"

RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"

USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
# Two names of one count: the released name, then the name that replaces it.
USAGE_CACHE_CREATION = "gen_ai.usage.cache_creation.input_tokens"
USAGE_CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"
USAGE_REASONING = "gen_ai.usage.reasoning.output_tokens"
USAGE_AUDIO_INPUT = "gen_ai.usage.audio.input_tokens"
USAGE_AUDIO_OUTPUT = "gen_ai.usage.audio.output_tokens"
USAGE_IMAGE_INPUT = "gen_ai.usage.image.input_tokens"
USAGE_IMAGE_OUTPUT = "gen_ai.usage.image.output_tokens"
USAGE_COST = "gen_ai.usage.cost"
USAGE_IS_BYOK = "gen_ai.usage.is_byok"
USAGE_UPSTREAM_COST = "gen_ai.usage.cost_details.upstream_inference_cost"

INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
WORKFLOW_NAME = "gen_ai.workflow.name"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT = "gen_ai.tool.call.result"
CONTENT = (
    INPUT_MESSAGES,
    OUTPUT_MESSAGES,
    SYSTEM_INSTRUCTIONS,
    TOOL_DEFINITIONS,
    TOOL_CALL_ARGUMENTS,
    TOOL_CALL_RESULT,
)
EMBEDDINGS_DIMENSION_COUNT = "gen_ai.embeddings.dimension.count"

OPENAI_API_TYPE = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER = "openai.response.service_tier"
OPENAI_SYSTEM_FINGERPRINT = "openai.response.system_fingerprint"
OPENROUTER_PROVIDER = "openrouter.provider"

# The Anthropic client's names of attributes that the conventions lack.
ANTHROPIC_CACHE_5M = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
ANTHROPIC_CACHE_1H = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
ANTHROPIC_REQUEST_SERVICE_TIER = "anthropic.request.service_tier"
ANTHROPIC_RESPONSE_SERVICE_TIER = "anthropic.response.service_tier"
ANTHROPIC_THINKING_BUDGET = "anthropic.thinking.budget_tokens"
# Named after the service tier's attributes; the client has no names for these yet.
ANTHROPIC_REQUEST_SPEED = "anthropic.request.speed"
ANTHROPIC_RESPONSE_SPEED = "anthropic.response.speed"
ANTHROPIC_REQUEST_INFERENCE_GEO = "anthropic.request.inference_geo"
ANTHROPIC_RESPONSE_INFERENCE_GEO = "anthropic.response.inference_geo"
ANTHROPIC_COMPACTION_INPUT = "anthropic.usage.compaction.input_tokens"
ANTHROPIC_COMPACTION_OUTPUT = "anthropic.usage.compaction.output_tokens"
ANTHROPIC_WEB_SEARCHES = "anthropic.usage.server_tool_use.web_search_requests"
# JSON: the usage of further models that the provider ran for the call, billed at their own prices.
OTHER_MODELS_USAGE = "pulse.usage.other_models"

ERROR_TYPE = "error.type"
HTTP_STATUS_CODE = "http.response.status_code"
RESPONSE_REQUEST_ID = "pulse.request_id"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
TOKEN_TYPE = "gen_ai.token.type"

SESSION_ID = "session.id"
USER_ID = "user.id"
TAGS = "pulse.tags"
METADATA_PREFIX = "pulse.metadata."
STREAM_CLOSED_EARLY = "pulse.stream.closed_early"
CONTENT_TOO_LARGE = "pulse.content.too_large"

SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"
DEPLOYMENT_ENVIRONMENT = "deployment.environment.name"
