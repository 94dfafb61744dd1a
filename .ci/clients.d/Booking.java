import fleet.ApiClient;
import fleet.ApiException;
import fleet.api.BooksApi;
import fleet.api.MypagesApi;
import fleet.api.TicketsApi;
import fleet.model.Book;
import fleet.model.BookPatch;
import fleet.model.BookRequest;
import fleet.model.BookStatus;
import fleet.model.CanceledStatus;
import fleet.model.CollectedStatus;
import fleet.model.MypageStatus;
import fleet.model.TicketPatch;
import fleet.model.TicketStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Callable;

/**
 * Books, pays, collects and cancels with a client that is generated from the fleet's description.
 *
 * <pre>
 * java Booking URL hold         books while payment does not answer, and prints the booking's id
 * java Booking URL finish ID    pays for that booking and collects its ticket; books and cancels another one
 * </pre>
 */
public final class Booking {
    private final BooksApi books;
    private final TicketsApi tickets;
    private final MypagesApi mypages;

    private Booking(String url) {
        ApiClient fleet = new ApiClient();
        fleet.updateBaseUri(url);
        books = new BooksApi(fleet);
        tickets = new TicketsApi(fleet);
        mypages = new MypagesApi(fleet);
    }

    public static void main(String[] args) throws Exception {
        Booking booking = new Booking(args[0]);
        if (args[1].equals("hold")) {
            booking.hold();
        } else {
            booking.finish(Long.parseLong(args[2]));
        }
    }

    private void hold() throws ApiException {
        BookRequest order = new BookRequest().movieName("soul").qty(1L).totalPrice(5000L).payLater(true);
        Book held = books.createBook(order, null);
        expect("held booking", held.getStatus(), BookStatus.PAYMENT_PENDING);
        if (!held.getLinks().containsKey("payment")) {
            throw new IllegalStateException("a held booking has no link to its payment");
        }
        System.out.println(held.getId());
    }

    private void finish(long id) throws Exception {
        // Book may be trying to pay at this moment, because the booking has `payLater`: then the answer is 202 or 409.
        eventually("the payment", () -> {
            try {
                return books.payBook(id).getStatus() != BookStatus.PAYMENT_PENDING;
            } catch (ApiException e) {
                if (e.getCode() == 409 && e.getResponseBody().contains("/problems/request-in-progress")) {
                    return false;
                }
                throw e;
            }
        });
        eventually("the ticket", () -> {
            try {
                return tickets.showTicket(id).getStatus() == TicketStatus.WAITING;
            } catch (ApiException e) {
                if (e.getCode() == 404) {
                    return false;
                }
                throw e;
            }
        });
        TicketPatch printed = new TicketPatch().status(CollectedStatus.PRINTED);
        expect("collected ticket", tickets.collectTicket(id, printed).getStatus(), TicketStatus.PRINTED);
        expect("tickets of the booking", tickets.findTicketsByBookingId(id).getEmbedded().getTickets().size(), 1);
        eventually("the page", () -> mypages.showMypage(id).getStatus() == MypageStatus.PRINTED);

        Book other = books.createBook(new BookRequest().movieName("soul").qty(1L).totalPrice(5000L), null);
        BookPatch canceled = new BookPatch().status(CanceledStatus.CANCELED);
        eventually("the cancellation", () -> books.cancelBook(other.getId(), canceled).getStatus() == BookStatus.CANCELED);
        try {
            books.createBook(new BookRequest().qty(0L), null);
            throw new IllegalStateException("an invalid booking was accepted");
        } catch (ApiException e) {
            expect("status of an invalid booking", e.getCode(), 422);
        }
        boolean isListed = books.listBooks(null, null, 100L, null).getEmbedded().getBooks().stream()
                .anyMatch(book -> book.getId().equals(other.getId()));
        expect("the booking is listed", isListed, true);
        System.out.printf("Java: booking %d was paid and collected, booking %d was canceled%n", id, other.getId());
    }

    /** Repeats {@code holds} until it is true, because events take a moment. */
    private static void eventually(String what, Callable<Boolean> holds) throws Exception {
        Instant deadline = Instant.now().plus(Duration.ofSeconds(30));
        while (!holds.call()) {
            if (Instant.now().isAfter(deadline)) {
                throw new IllegalStateException(what + " did not happen within 30 s");
            }
            Thread.sleep(100);
        }
    }

    private static <T> void expect(String what, T found, T expected) {
        if (!found.equals(expected)) {
            throw new IllegalStateException(what + ": " + found + " instead of " + expected);
        }
    }
}
