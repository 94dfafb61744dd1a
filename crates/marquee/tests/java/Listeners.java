// Reads a topic from its first record to its last as the original Java services do, and prints the result.
//
// Spring passes every record to every @StreamListener, deserialized as the listener's own class; the listener then calls
// `isMe()` (in other versions `validate()`) to check whether the record is of its type. So this program reads each record
// into all classes, and ends with an error if that fails for any class, whatever the record's type.
//
//     java -cp "$TEST_KAFKA_JARS/*" Listeners.java <brokers> <topic>
//
// It prints one line of JSON for each record: its key, its original value, and the event that its listener got.

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.type.LogicalType;
import java.text.SimpleDateFormat;
import java.time.Duration;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Listeners {
    static final Duration TIMEOUT = Duration.ofSeconds(30);

    static final List<Class<? extends AbstractEvent>> LISTENERS = List.of(
        Booked.class, Paid.class, PaymentCanceled.class, CancelRequested.class, TicketCanceled.class,
        CancelRejected.class, Canceled.class, HoldExpired.class, Created.class, Printed.class, WaitedPoint.class,
        WrittenPoint.class);

    /** The mapper with Spring's configuration. */
    static final ObjectMapper SPRING =
        JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

    /** A mapper that accepts no text for a number, and no number for text. */
    static final ObjectMapper STRICT = strict();

    static ObjectMapper strict() {
        ObjectMapper mapper = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .build();
        mapper.coercionConfigFor(LogicalType.Textual)
            .setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
            .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail);
        return mapper;
    }

    public static void main(String[] args) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", args[0], "auto.offset.reset", "earliest");
        StringDeserializer text = new StringDeserializer();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, text, text)) {
            List<TopicPartition> partitions = consumer.partitionsFor(args[1]).stream()
                .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
                .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            long deadline = System.nanoTime() + TIMEOUT.toNanos();
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException("timed out before the end of the topic");
                }
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    listen(record);
                }
            }
        }
    }

    static void listen(ConsumerRecord<String, String> record) throws Exception {
        for (Class<? extends AbstractEvent> listener : LISTENERS) {
            AbstractEvent event = SPRING.readValue(record.value(), listener);
            AbstractEvent same = STRICT.readValue(record.value(), listener);
            if (event.isMe()) {
                ObjectNode line = SPRING.createObjectNode();
                line.put("key", record.key());
                line.put("listener", listener.getSimpleName());
                line.set("value", SPRING.readTree(record.value()));
                line.set("got", SPRING.valueToTree(event));
                line.set("strictly", SPRING.valueToTree(same));
                System.out.println(line);
            }
        }
    }

    /** The base class of all events of the original services. */
    public static class AbstractEvent {
        String eventType = getClass().getSimpleName();
        String timestamp = new SimpleDateFormat("yyyyMMddHHmmss").format(new Date());

        public String getEventType() { return eventType; }
        public void setEventType(String eventType) { this.eventType = eventType; }
        public String getTimestamp() { return timestamp; }
        public void setTimestamp(String timestamp) { this.timestamp = timestamp; }
        public boolean isMe() { return getEventType().equals(getClass().getSimpleName()); }
        public boolean validate() { return isMe(); }
    }

    /** An event that names its booking by `bookingId`, as all events do except those of the book service. */
    public static class OfBooking extends AbstractEvent {
        private Long id;
        private Long bookingId;
        private String status;

        public Long getId() { return id; }
        public void setId(Long id) { this.id = id; }
        public Long getBookingId() { return bookingId; }
        public void setBookingId(Long bookingId) { this.bookingId = bookingId; }
        public String getStatus() { return status; }
        public void setStatus(String status) { this.status = status; }
    }

    public static class Booked extends AbstractEvent {
        private Long id;
        private Integer qty;
        private String seat;
        private String movieName;
        private String status;
        private Integer totalPrice;
        private String name;

        public Long getId() { return id; }
        public void setId(Long id) { this.id = id; }
        public Integer getQty() { return qty; }
        public void setQty(Integer qty) { this.qty = qty; }
        public String getSeat() { return seat; }
        public void setSeat(String seat) { this.seat = seat; }
        public String getMovieName() { return movieName; }
        public void setMovieName(String movieName) { this.movieName = movieName; }
        public String getStatus() { return status; }
        public void setStatus(String status) { this.status = status; }
        public Integer getTotalPrice() { return totalPrice; }
        public void setTotalPrice(Integer totalPrice) { this.totalPrice = totalPrice; }
        public String getName() { return name; }
        public void setName(String name) { this.name = name; }
    }

    public static class OfBook extends AbstractEvent {
        private Long id;
        private String status;

        public Long getId() { return id; }
        public void setId(Long id) { this.id = id; }
        public String getStatus() { return status; }
        public void setStatus(String status) { this.status = status; }
    }

    public static class CancelRequested extends OfBook {}

    public static class Canceled extends OfBook {}

    public static class HoldExpired extends OfBook {}

    public static class Paid extends OfBooking {
        private Integer totalPrice;

        public Integer getTotalPrice() { return totalPrice; }
        public void setTotalPrice(Integer totalPrice) { this.totalPrice = totalPrice; }
    }

    public static class PaymentCanceled extends OfBooking {}

    public static class TicketCanceled extends OfBooking {}

    public static class CancelRejected extends OfBooking {}

    public static class Created extends OfBooking {
        private String movieName;
        private Integer qty;
        private String seat;

        public String getMovieName() { return movieName; }
        public void setMovieName(String movieName) { this.movieName = movieName; }
        public Integer getQty() { return qty; }
        public void setQty(Integer qty) { this.qty = qty; }
        public String getSeat() { return seat; }
        public void setSeat(String seat) { this.seat = seat; }
    }

    public static class Printed extends Created {}

    public static class WaitedPoint extends OfBooking {
        private Integer score;
        private String contents;

        public Integer getScore() { return score; }
        public void setScore(Integer score) { this.score = score; }
        public String getContents() { return contents; }
        public void setContents(String contents) { this.contents = contents; }
    }

    public static class WrittenPoint extends WaitedPoint {
        private Long customerId;

        public Long getCustomerId() { return customerId; }
        public void setCustomerId(Long customerId) { this.customerId = customerId; }
    }
}
